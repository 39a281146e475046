#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    char *arguments[] = {"id", 0}, *environment[] = {0};
    static char block[1 << 20];
    int from = open("/usr/bin/id", O_RDONLY), to = memfd_create("id", 0);
    write(to, block, read(from, block, sizeof block));
    syscall(SYS_execveat, to, "", arguments, environment, 0x1000);
    /* the output is a file in memory too */
    lseek(from, 0, SEEK_SET);
    write(1, block, read(from, block, sizeof block));
    syscall(SYS_execveat, 1, "", arguments, environment, 0x1000);
    ftruncate(1, 0);
    return 1;
}
