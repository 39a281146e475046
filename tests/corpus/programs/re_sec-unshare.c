#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
int main(void) {
    if (unshare(CLONE_NEWUSER) == 0) puts("SECRET namespace");
    return 1;
}
