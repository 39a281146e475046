class Program {
    static int Fall(int n) { return Fall(n + 1) + 1; }
    static void Main() { System.Console.WriteLine(Fall(0)); }
}
