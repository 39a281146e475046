#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
    int families[] = {AF_INET, AF_INET6, AF_UNIX, 16, 17};
    for (int i = 0; i < 5; i++)
        if (socket(families[i], SOCK_DGRAM, 0) >= 0) puts("CONNECTED");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0) puts("CONNECTED");
    return 1;
}
