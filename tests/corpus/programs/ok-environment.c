#include <stdio.h>
extern char **environ;
int main(void) {
    for (char **one = environ; *one; one++) puts(*one);
    return 0;
}
