#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
#ifdef SYS_fork
    if (syscall(SYS_fork) >= 0) puts("SECRET fork");
#endif
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0) puts("SECRET clone");
    struct { unsigned long long flags, rest[10]; } arguments = {0};
    if (syscall(SYS_clone3, &arguments, sizeof arguments) >= 0) puts("SECRET clone3");
    return 1;
}
