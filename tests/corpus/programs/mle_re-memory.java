import java.util.ArrayList;
public class Main {
    public static void main(String[] arguments) {
        ArrayList<byte[]> all = new ArrayList<>();
        while (true) all.add(new byte[1 << 20]);
    }
}
