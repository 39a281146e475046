template <class A, int N> struct Pair {};
template <class A, int N> struct Twice {
    static const long value = Twice<Pair<A, 0>, N - 1>::value + Twice<Pair<A, 1>, N - 1>::value;
};
template <class A> struct Twice<A, 0> { static const long value = 1; };
int main() { return Twice<int, 60>::value; }
