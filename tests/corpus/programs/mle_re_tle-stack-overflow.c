volatile int depth;
int fall(int n) {
    volatile char frame[4096];
    frame[n % 4096] = 1;
    depth = n;
    return fall(n + 1) + frame[0];
}
int main(void) { return fall(0); }
