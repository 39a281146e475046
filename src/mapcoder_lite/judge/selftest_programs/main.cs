using System;
using System.Collections.Generic;
using System.IO;

class Program
{
    static void Main()
    {
        string[] words = Console.ReadLine().Split(' ');
        long a = long.Parse(words[1]), b = long.Parse(words[2]);
        switch (words[0])
        {
            case "wrong": a++; break;
            case "loop": for (long i = 0; i >= 0; i = (i + a) % 1000) { } break;
            case "memory": Console.Error.WriteLine(Fill(320).Count); break;
            case "crash": throw new Exception("as asked");
            case "read": File.ReadAllText("/etc/passwd"); break;
        }
        Console.WriteLine(a + b);
    }

    static List<byte[]> Fill(int megabytes)
    {
        var blocks = new List<byte[]>();
        for (int i = 0; i < megabytes; i++)
        {
            var block = new byte[1 << 20];
            for (int j = 0; j < block.Length; j++) block[j] = (byte)(i | 1);
            blocks.Add(block);
        }
        return blocks;
    }
}
