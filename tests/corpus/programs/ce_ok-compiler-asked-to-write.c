#pragma GCC optimize("-fdump-final-insns=/tmp/mapcoder-hostile-insns")
#pragma GCC optimize("-fcallgraph-info")
#include <stdio.h>
__attribute__((optimize("-fdump-tree-all=/tmp/mapcoder-hostile-tree"))) int main(void) {
    puts("3");
    return 0;
}
