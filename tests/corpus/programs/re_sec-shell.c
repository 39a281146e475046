#include <stdlib.h>
int main(void) {
    system("id");
    return 1;
}
