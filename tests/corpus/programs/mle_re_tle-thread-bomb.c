#include <pthread.h>
#include <unistd.h>
static void *wait_long(void *nothing) {
    sleep(1000);
    return nothing;
}
int main(void) {
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, 0, wait_long, 0)) return 1;
    }
}
