#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
/* arguments of this ABI must lie in the first 4 GB */
int main(void) {
#ifdef __x86_64__
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) return 1;
    strcpy(low, "/usr/bin/id");
    unsigned *arguments = (unsigned *)(low + 64);
    arguments[0] = (unsigned)(unsigned long)low;
    int result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(11), "b"(low), "c"(arguments), "d"(0)
                     : "memory");
#endif
    return 1;
}
