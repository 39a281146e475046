use std::io::Write;

fn main() {
    loop {
        std::io::stdout().write_all(&[b'x'; 65536]).unwrap();
    }
}
