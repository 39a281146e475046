fn main() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
        assert!(all[all.len() / 2][7] == 1);
    }
}
