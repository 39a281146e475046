import java.util.Scanner;

public class Sum {
    static class Adder {
        int add(int a, int b) { return a + b; }
    }

    public static void main(String[] arguments) {
        Scanner in = new Scanner(System.in);
        System.out.println(new Adder().add(in.nextInt(), in.nextInt()));
    }
}
