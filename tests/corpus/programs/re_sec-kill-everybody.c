#include <signal.h>
#include <unistd.h>
int main(void) {
    kill(-1, SIGKILL);
    kill(0, SIGKILL);
    kill(getppid(), SIGKILL);
    return 1;
}
