public class Main {
    static int fall(int n) { return fall(n + 1) + 1; }
    public static void main(String[] arguments) { System.out.println(fall(0)); }
}
