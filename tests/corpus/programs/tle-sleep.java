public class Main {
    public static void main(String[] arguments) throws Exception { Thread.sleep(1000000); }
}
