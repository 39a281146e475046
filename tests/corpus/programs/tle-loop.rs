fn main() {
    loop {
        unsafe { std::ptr::read_volatile(&0) };
    }
}
