#include <stdio.h>
#include <unistd.h>
int main(void) {
    if (fork() < 0) return 1;
    puts("SECRET child");
    return 0;
}
