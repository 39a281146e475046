using System.Collections.Generic;

class Program {
    static void Main() {
        var all = new List<byte[]>();
        while (true) {
            var piece = new byte[1 << 20];
            for (int i = 0; i < piece.Length; i += 512) piece[i] = 1;
            all.Add(piece);
        }
    }
}
