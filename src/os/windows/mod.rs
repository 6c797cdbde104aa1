//! Windows.
//!
//! | file | holds |
//! |---|---|
//! | `raw` | the calls of the system; the only unsafe code here |
//! | `files` | opening, making and naming files |
//! | `identity` | what a file is, and what a write changes |
//! | `lock` | `LockFileEx` on the lock file; the only caller of the OS lock |
//! | `text` | the holder text, in a file beside the lock file |
//! | `process` | other processes |
//! | `end` | the end of a thread of JavaScript |
//! | `errno` | the numbers that Node has for errors |

#[cfg(feature = "node")]
mod end;
#[cfg(feature = "node")]
mod errno;
mod files;
mod identity;
mod lock;
mod process;
mod raw;
mod text;

#[cfg(feature = "node")]
pub(crate) use end::End;
#[cfg(feature = "node")]
pub(crate) use errno::errno;
#[cfg(test)]
pub(crate) use files::symlink;
pub(crate) use files::{
    Attributes, OPEN_FILES_CANNOT_BE_DELETED, busy, create, listen, open, pin_directory, rename, shortened, stale,
    write_at,
};
pub(crate) use lock::{LOCK_CALL, do_not_preempt, is_locked, lock_file, try_claim, watch};
pub(crate) use process::{clock, command, has_descriptor, is_alive};
pub(crate) use text::holder_text;
