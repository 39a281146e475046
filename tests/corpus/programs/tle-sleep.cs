class Program {
    static void Main() { System.Threading.Thread.Sleep(1000000000); }
}
