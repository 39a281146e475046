fn main() {
    println!("{:?}", option_env!("CARGO_HOME"));
}
