#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    char word[16];
    long long a, b;
    if (scanf("%15s %lld %lld", word, &a, &b) != 3) return 2;
    if (!strcmp(word, "wrong")) a++;
    if (!strcmp(word, "loop")) for (volatile long long i = 0;; i++) {}
    if (!strcmp(word, "memory"))
        for (int i = 0; i < 320; i++) {
            char *block = malloc(1 << 20);
            if (!block) return 3;
            memset(block, i | 1, 1 << 20);
            if (block[a] == 0) puts("never");
        }
    if (!strcmp(word, "crash")) {
        volatile int *nowhere = 0;
        *nowhere = 1;
    }
    if (!strcmp(word, "read")) {
        char line[64];
        FILE *file = fopen("/etc/passwd", "r");
        if (!file || !fgets(line, sizeof line, file)) return 4;
    }
    printf("%lld\n", a + b);
    return 0;
}
