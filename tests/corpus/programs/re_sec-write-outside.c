#include <stdio.h>
int main(void) {
    const char *paths[] = {"/tmp/mapcoder-hostile-c", "/dev/shm/mapcoder-hostile-c",
                           "/var/tmp/mapcoder-hostile-c", "mapcoder-hostile-c"};
    int written = 0;
    for (int i = 0; i < 4; i++) {
        FILE *file = fopen(paths[i], "w");
        if (file) written += fputs("x", file) >= 0 && !fclose(file);
    }
    return written ? 0 : 1;
}
