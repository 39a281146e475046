const BYTES: &[u8] = include_bytes!("/dev/urandom");

fn main() {
    println!("{}", BYTES.len());
}
