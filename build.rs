//! Generates the C++ bridge (feature `plugin`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
