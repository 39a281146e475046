import java.util.stream.LongStream;
public class Main {
    public static void main(String[] arguments) {
        long sum = LongStream.range(0, 1000).parallel().sum();
        System.out.println(sum == 499500 ? 3 : 0);
    }
}
