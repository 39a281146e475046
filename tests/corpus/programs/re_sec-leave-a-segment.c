#include <stdio.h>
#include <sys/shm.h>
int main(void) {
    if (shmget(0x6D61, 4096, IPC_CREAT | 0666) >= 0) puts("SECRET segment outlives the run");
    return 1;
}
