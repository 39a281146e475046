constexpr long turn(long n) {
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++) n += i == j ? 0 : 1, n -= i == j ? 0 : 1;
    return n;
}
static_assert(turn(1L << 40) == 0);
int main() {}
