#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
/* a second exec would start with fresh counters of a run */
int main(int argc, char **argv) {
    char *arguments[] = {"again", "again", 0}, *environment[] = {0};
    if (argc > 1) {
        puts("SECRET second life");
        return 0;
    }
    for (int fd = 0; fd < 64; fd++)
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
    const char *paths[] = {"/proc/self/exe", argc ? argv[0] : "main", "main", "./main"};
    for (int i = 0; i < 4; i++) {
        int fd = open(paths[i], O_RDONLY);
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
        execve(paths[i], arguments, environment);
    }
    return 1;
}
