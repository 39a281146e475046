#define _GNU_SOURCE
#include <signal.h>
int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    for (volatile int turning = 1; turning;) {}
    return 0;
}
