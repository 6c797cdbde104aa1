//! The threads that this library starts. No other module starts one.

#![forbid(unsafe_code)]

use std::{io, thread};

/// What SQLite expects of a thread: its recursion is bounded so that it fits into the stack of a main thread. A LIKE pattern of
/// 50,000 bytes, SQLite's limit, takes more than the 2 MiB that Rust gives a thread. Only the pages that are used take up memory.
pub(crate) const STACK_BYTES: usize = 8 << 20;

/// Starts a thread that nobody waits for. If the system has none, `work` is dropped and the error is that of `pthread_create`.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(work).map(drop)
}
