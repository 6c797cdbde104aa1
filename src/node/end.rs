//! The end of a worker thread of Node.
//!
//! At its end, such a thread waits for its libuv workers before it runs any hook of ours. But it
//! closes its handles before that wait. One of them is a socket, and a thread of ours waits at its
//! other end. When the socket is closed, that thread interrupts the work of the worker thread.

#![deny(unsafe_code)]

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::net::Shutdown;
use std::os::fd::{FromRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use napi::{Env, Result};
use napi_derive::napi;

use super::error::exception;
use super::interrupts;
use crate::{lock, threads};

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// A thread that waits at `ours`.
struct Watch {
    ours: Arc<UnixStream>,
    /// The other end, until JavaScript has a handle that closes it: its descriptor and inode.
    given: Option<(RawFd, u64)>,
}

/// Calls off all that this thread has under way as soon as a socket is closed, whose descriptor is
/// given away. `endHasHandle` is to follow.
#[napi(catch_unwind)]
pub fn call_off_with_socket(env: Env) -> Result<i32> {
    let fail = |syscall, error| exception(&env, lock::Error::io(syscall, "the end of a thread".as_ref(), error));
    let (ours, theirs) = UnixStream::pair().map_err(|error| fail("socketpair", error))?;
    let (ours, theirs) = (Arc::new(ours), File::from(std::os::fd::OwnedFd::from(theirs)));
    let inode = theirs.metadata().map_err(|error| fail("fstat", error))?.ino();
    let (running, end) = (interrupts::running(), Arc::clone(&ours));
    let watch = move || {
        // Nothing is ever sent, so this is the end.
        let _ = (&*end).read(&mut [0]);
        running.request();
    };
    threads::spawn("sqlock-end", watch).map_err(|error| fail("pthread_create", error))?;
    let descriptor = theirs.into_raw_fd();
    WATCH.set(Some(Watch { ours, given: Some((descriptor, inode)) }));
    Ok(descriptor)
}

/// A handle closes the descriptor from now on.
#[napi(catch_unwind)]
pub fn end_has_handle() {
    WATCH.with_borrow_mut(|watch| {
        if let Some(watch) = watch {
            watch.given = None;
        }
    });
}

/// Ends the watch with the thread. A worker may be terminated before there was a handle for its
/// descriptor.
pub(super) fn unwatch() {
    let Some(Watch { ours, given }) = WATCH.take() else { return };
    if let Some((descriptor, inode)) = given {
        close(descriptor, inode);
    }
    let _ = ours.shutdown(Shutdown::Both);
}

/// Closes a descriptor if it is still that of this inode.
fn close(descriptor: RawFd, inode: u64) {
    // SAFETY: nothing is read or written by it, and it is not closed unless it is still the socket
    // that was made here. That one nobody else closes: the handles of the thread are gone.
    #[expect(unsafe_code, reason = "JavaScript was given a bare descriptor")]
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    if file.metadata().is_ok_and(|found| found.ino() == inode) {
        drop(ManuallyDrop::into_inner(file));
    }
}
