#include <string.h>
#include <sys/mman.h>
int main(void) {
    char *all = mmap(0, 4UL << 30, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return 1;
    memset(all, 1, 4UL << 30);
    return 1;
}
