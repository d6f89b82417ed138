//! Makes Cargo notice a web UI that was built after this crate.

fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
