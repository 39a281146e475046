public class Main {
    public static void main(String[] arguments) {
        long killed = ProcessHandle.current().parent().filter(ProcessHandle::destroyForcibly).stream().count();
        System.out.println(killed == 0 ? "alone" : "SECRET killed");
    }
}
