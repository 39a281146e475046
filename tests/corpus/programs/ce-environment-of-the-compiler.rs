fn main() {
    println!("{}", env!("HOME_OF_THE_JUDGE"));
}
