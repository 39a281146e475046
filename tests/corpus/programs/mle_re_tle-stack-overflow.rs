fn fall(n: u64) -> u64 {
    let frame = [n; 512];
    if unsafe { std::ptr::read_volatile(&frame[7]) } != n {
        return 0;
    }
    fall(n + 1) + frame[3]
}

fn main() {
    println!("{}", fall(0));
}
