macro_rules! twice {
    ($($word:tt)*) => { twice!($($word)* $($word)* x) };
}

fn main() {
    twice!(x);
}
