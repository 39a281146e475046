class Program {
    static volatile bool turning = true;
    static void Main() { while (turning) {} }
}
