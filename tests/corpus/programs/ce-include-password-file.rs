const TEXT: &str = include_str!("/etc/passwd");

fn main() {
    println!("{}", TEXT);
}
