import java.nio.file.Files;
import java.nio.file.Path;
public class Main {
    public static void main(String[] arguments) throws Exception {
        Files.writeString(Path.of("/tmp/mapcoder-hostile-java"), "x");
    }
}
