//! Link flags of a Node addon; nothing to do for the plain Rust library.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
