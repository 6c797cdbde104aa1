//! The end of a worker thread of Node.
//!
//! At its end, such a thread waits for its libuv workers before it runs any hook of ours. But it
//! closes its handles before that wait. One of them is a socket, and a thread of ours waits at its
//! other end. When the socket is closed, that thread interrupts the work of the worker thread.

#![deny(unsafe_code)]

use std::cell::RefCell;

use napi::{Env, Result};
use napi_derive::napi;

use super::error::exception;
use super::interrupts;
use crate::os::End;
use crate::{lock, threads};

thread_local! {
    static END: RefCell<Option<End>> = const { RefCell::new(None) };
}

/// Calls off all that this thread has under way as soon as a socket is closed, whose descriptor is
/// given away. `endHasHandle` is to follow.
#[napi(catch_unwind)]
pub fn call_off_with_socket(env: Env) -> Result<i32> {
    let fail = |syscall, error| exception(&env, lock::Error::io(syscall, "the end of a thread".as_ref(), error));
    let (end, wait, descriptor) = End::open().map_err(|(syscall, error)| fail(syscall, error))?;
    let running = interrupts::running();
    let watch = move || {
        wait();
        running.request();
    };
    END.set(Some(end));
    if let Err(error) = threads::spawn("sqlock-end", watch) {
        unwatch();
        return Err(fail("pthread_create", error));
    }
    Ok(descriptor)
}

/// A handle closes the descriptor from now on.
#[napi(catch_unwind)]
pub fn end_has_handle() {
    END.with_borrow_mut(|end| {
        if let Some(end) = end {
            end.has_handle();
        }
    });
}

/// Ends the watch with the thread.
pub(super) fn unwatch() {
    END.take();
}
