#include <stdio.h>
int main(void) {
    for (;;)
        if (puts("0123456789012345678901234567890123456789") < 0) return 1;
}
