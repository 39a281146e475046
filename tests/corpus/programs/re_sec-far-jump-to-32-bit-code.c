#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
/* through segment 0x23 the processor itself runs 32-bit code: getpid and fork by int 0x80 there */
int main(void) {
#ifdef __x86_64__
    unsigned char code[] = {0xb8, 2, 0, 0, 0, 0xcd, 0x80, 0xb8, 1, 0, 0, 0, 0xbb, 0, 0, 0, 0, 0xcd, 0x80};
    char *low = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) return 1;
    memcpy(low, code, sizeof code);
    struct __attribute__((packed)) { unsigned offset; unsigned short segment; } target = {
        (unsigned)(unsigned long)low, 0x23};
    __asm__ volatile("ljmp *%0" : : "m"(target));
#endif
    return 1;
}
