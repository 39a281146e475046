using System.Net;
using System.Net.Sockets;

class Program {
    static void Main() {
        var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        System.Console.WriteLine("CONNECTED");
    }
}
