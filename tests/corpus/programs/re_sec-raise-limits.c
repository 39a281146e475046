#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
int main(void) {
    int kinds[] = {RLIMIT_CPU, RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_NOFILE};
    struct rlimit wanted = {RLIM_INFINITY, RLIM_INFINITY}, lower = {0, 0};
    for (int i = 0; i < 6; i++) {
        if (setrlimit(kinds[i], &wanted) == 0) puts("SECRET limit raised");
        if (setrlimit(kinds[i], &lower) == 0) puts("SECRET limit set");
        if (prlimit(0, kinds[i], &wanted, 0) == 0) puts("SECRET limit raised");
    }
    return 1;
}
