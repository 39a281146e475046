fn main() {
    let output = std::process::Command::new("/usr/bin/id").output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
