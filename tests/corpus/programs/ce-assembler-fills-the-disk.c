__asm__(".data\n.fill 0x7fffffff, 8, 0x55\n.fill 0x7fffffff, 8, 0x55");
int main(void) { return 0; }
