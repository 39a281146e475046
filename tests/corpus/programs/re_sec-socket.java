import java.net.ServerSocket;
public class Main {
    public static void main(String[] arguments) throws Exception {
        System.out.println("CONNECTED " + new ServerSocket(0).getLocalPort());
    }
}
