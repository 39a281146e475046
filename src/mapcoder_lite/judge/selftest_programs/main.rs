use std::io::{stdin, Read};

fn main() {
    let mut text = String::new();
    stdin().read_to_string(&mut text).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut a: i64 = words[1].parse().unwrap();
    let b: i64 = words[2].parse().unwrap();
    match words[0] {
        "wrong" => a += 1,
        "loop" => {
            let mut i = 0;
            while i >= 0 {
                i = (i + a) % 1000;
            }
        }
        "memory" => {
            let blocks: Vec<Vec<u8>> = (0..320).map(|i| vec![(i as u8) | 1; 1 << 20]).collect();
            eprintln!("{}", blocks.iter().map(|block| block[text.len()] as u64).sum::<u64>());
        }
        "crash" => panic!("as asked"),
        "read" => drop(std::fs::read("/etc/passwd").unwrap()),
        _ => {}
    }
    println!("{}", a + b);
}
