public class Main {
    static volatile boolean turning = true;
    public static void main(String[] arguments) { while (turning) {} }
}
