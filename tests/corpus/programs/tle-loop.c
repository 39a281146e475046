int main(void) {
    for (volatile int turning = 1; turning;) {}
    return 0;
}
