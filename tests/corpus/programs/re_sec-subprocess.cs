using System.Diagnostics;

class Program {
    static void Main() {
        var how = new ProcessStartInfo("/usr/bin/id");
        how.UseShellExecute = false;
        how.RedirectStandardOutput = true;
        System.Console.WriteLine(Process.Start(how).StandardOutput.ReadToEnd());
    }
}
