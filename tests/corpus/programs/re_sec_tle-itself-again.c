#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
/* where /proc is there, a file in memory can be executed again; its CPU clock must go on */
int main(int argc, char **argv) {
    char *arguments[] = {"again", 0}, *environment[] = {0};
    const char *paths[] = {"/proc/self/exe", argc ? argv[0] : "main", "main", "./main"};
    while (clock() % (CLOCKS_PER_SEC / 20) < CLOCKS_PER_SEC / 25) {}
    for (int fd = 0; fd < 64; fd++)
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
    for (int i = 0; i < 4; i++) {
        int fd = open(paths[i], O_RDONLY);
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
        execve(paths[i], arguments, environment);
    }
    return 1;
}
