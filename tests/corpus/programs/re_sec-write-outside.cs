class Program {
    static void Main() { System.IO.File.WriteAllText("/tmp/mapcoder-hostile-cs", "x"); }
}
