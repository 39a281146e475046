fn fall(n: u64) -> u64 {
    let frame = [n; 512];
    std::hint::black_box(&frame);
    fall(n + 1) + frame[3]
}

fn main() {
    println!("{}", fall(0));
}
