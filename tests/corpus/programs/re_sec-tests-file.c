#include <stdio.h>
int main(void) {
    char line[256];
    FILE *file = fopen("@SECRET_FILE@", "r");
    if (!file) return 1;
    while (fgets(line, sizeof line, file)) fputs(line, stdout);
    return 0;
}
