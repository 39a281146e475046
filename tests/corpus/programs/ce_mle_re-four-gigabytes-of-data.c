int numbers[1L << 30] = {1};
int main(void) { return numbers[0]; }
