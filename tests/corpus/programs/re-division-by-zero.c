#include <signal.h>
int main(int argc, char **argv) {
    volatile int zero = argc - argc;
    return argc / zero;
}
