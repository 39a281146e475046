#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    char *arguments[] = {"id", 0}, *environment[] = {0};
    int fd = open("/usr/bin/id", O_RDONLY);
    syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
    fd = open("/usr/bin/id", O_PATH);
    syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
    return 1;
}
