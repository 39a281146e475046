using System;
using System.Linq;
using System.Numerics;

class Sum {
    static void Main() {
        var numbers = Console.ReadLine().Split().Select(BigInteger.Parse);
        Console.WriteLine($"{numbers.Aggregate((a, b) => a + b)}");
    }
}
