import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;

public class Main {
    public static void main(String[] arguments) throws Exception {
        Scanner input = new Scanner(System.in);
        String word = input.next();
        long a = input.nextLong(), b = input.nextLong();
        switch (word) {
            case "wrong": a++; break;
            case "loop": for (long i = 0; i >= 0; i = (i + a) % 1000) {} break;
            case "memory": System.err.println(fill(320).size()); break;
            case "crash": throw new IllegalStateException("as asked");
            case "read": Files.readAllLines(Path.of("/etc/passwd")); break;
            default:
        }
        System.out.println(a + b);
    }

    static List<byte[]> fill(int megabytes) {
        List<byte[]> blocks = new ArrayList<>();
        for (int i = 0; i < megabytes; i++) {
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) (i | 1));
            blocks.add(block);
        }
        return blocks;
    }
}
