#include <stdio.h>
int main(void) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(0x40000000 + 57) : "rcx", "r11", "memory");
    if (result >= 0) puts("SECRET x32");
#endif
    return 1;
}
