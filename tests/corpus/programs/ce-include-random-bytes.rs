const SECRET: &[u8] = include_bytes!("/dev/urandom");

fn main() {
    println!("{}", SECRET.len());
}
