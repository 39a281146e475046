class Program {
    static void Main() {
        var block = new byte[65536];
        var output = System.Console.OpenStandardOutput();
        while (true) output.Write(block, 0, block.Length);
    }
}
