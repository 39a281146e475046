using System.Runtime.InteropServices;

class Program {
    [DllImport("libc")] static extern int fork();
    [DllImport("libc")] static extern int system(string command);
    static int Main() {
        if (fork() >= 0) System.Console.WriteLine("SECRET child");
        system("id");
        return 1;
    }
}
