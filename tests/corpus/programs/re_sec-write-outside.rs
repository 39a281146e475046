fn main() {
    std::fs::write("/tmp/mapcoder-hostile-rs", "x").unwrap();
}
