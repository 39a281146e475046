#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* the one executable that a dynamic program needs can itself start another */
int main(void) {
    const char *loaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};
    char *arguments[] = {"ld.so", "/usr/bin/id", 0}, *environment[] = {0};
    for (int i = 0; i < 2; i++) {
        int fd = open(loaders[i], O_RDONLY);
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
    }
    return 1;
}
