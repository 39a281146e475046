#include <unistd.h>
int main(void) {
    execl("/usr/bin/id", "id", (char *)0);
    return 1;
}
