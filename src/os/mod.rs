//! The operating system: the one place that knows which one it is.
//!
//! An implementation provides the names that this file exports, and this file chooses it. No
//! other file of the crate asks for the system, and none uses a type or a constant of one.
//!
//! | file | holds |
//! |---|---|
//! | `seam` | what an implementation provides as types and traits |
//! | `unix` | Linux and macOS |

#![deny(unsafe_code)]

mod seam;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
use unix as system;

pub(crate) use seam::{Access, Entry, Event, Identity, LockFile, Stamp, Watch};
#[cfg(feature = "node")]
pub(crate) use system::End;
#[cfg(test)]
pub(crate) use system::symlink;
pub(crate) use system::{
    Attributes, LOCK_CALL, busy, clock, command, create, do_not_preempt, has_descriptor, holder_text, is_alive,
    is_locked, lock_file, open, pin_directory, rename, shortened, stale, try_claim, watch, write_at,
};
