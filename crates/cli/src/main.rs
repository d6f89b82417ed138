//! The mainspring binary.
fn main() {}
