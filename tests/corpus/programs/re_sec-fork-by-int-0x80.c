#include <stdio.h>
int main(void) {
#ifdef __x86_64__
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(2) : "memory");
    if (result >= 0) puts("SECRET i386");
#endif
    return 1;
}
