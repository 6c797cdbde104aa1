//! The operating system: the one place that knows which one it is.
//!
//! There are two implementations, [`unix`] and `windows`, which provide the same names. This file
//! chooses one of them. No other file of the crate asks for the system, and none uses a type or a
//! constant of one.
//!
//! | file | holds |
//! |---|---|
//! | `seam` | what both implementations provide as types and traits |
//! | `unix` | Linux and macOS |
//! | `windows` | Windows |

#![deny(unsafe_code)]

mod seam;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use seam::{Access, Entry, Event, Identity, Listener, LockFile, Stamp, Watch};
#[cfg(test)]
pub(crate) use system::symlink;
pub(crate) use system::{
    Attributes, LOCK_CALL, OPEN_FILES_CANNOT_BE_DELETED, busy, clock, command, create, do_not_preempt, has_descriptor,
    holder_text, is_alive, is_locked, listen, lock_file, open, pin_directory, rename, shortened, stale, try_claim,
    watch, write_at,
};
#[cfg(feature = "node")]
pub(crate) use system::{End, errno};
