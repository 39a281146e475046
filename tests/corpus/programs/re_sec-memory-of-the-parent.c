#define _GNU_SOURCE
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>
int main(void) {
    char here[8];
    struct iovec ours = {here, 8}, theirs = {(void *)0x400000, 8};
    if (process_vm_readv(getppid(), &ours, 1, &theirs, 1, 0) > 0) puts("SECRET memory");
    return 1;
}
