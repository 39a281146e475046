#include <cstdio>
#include <unistd.h>
struct First {
    First() {
        if (fork() == 0) std::puts("SECRET child");
        _exit(0);
    }
} first;
int main() {}
