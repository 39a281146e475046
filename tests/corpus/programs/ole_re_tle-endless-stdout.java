import java.io.PrintStream;
import java.io.FileOutputStream;
import java.io.FileDescriptor;
public class Main {
    public static void main(String[] arguments) throws Exception {
        FileOutputStream out = new FileOutputStream(FileDescriptor.out);
        byte[] block = new byte[65536];
        while (true) out.write(block);
    }
}
