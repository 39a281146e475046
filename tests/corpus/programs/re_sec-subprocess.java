public class Main {
    public static void main(String[] arguments) throws Exception {
        Process child = new ProcessBuilder("/usr/bin/id").redirectErrorStream(true).start();
        child.getInputStream().transferTo(System.out);
        System.exit(child.waitFor());
    }
}
