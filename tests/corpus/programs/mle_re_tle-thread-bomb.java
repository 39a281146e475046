public class Main {
    public static void main(String[] arguments) {
        while (true)
            new Thread(() -> {
                try {
                    Thread.sleep(1000000);
                } catch (InterruptedException ended) {}
            }).start();
    }
}
