//! Linux and macOS.
//!
//! | file | holds |
//! |---|---|
//! | `files` | opening, making and naming files |
//! | `identity` | what a file is, and what a write changes |
//! | `lock` | flock(2) and the holder text; the only caller of the OS lock |
//! | `mark` | how a process that waits is seen |
//! | `list` | the kernel's list of locks |
//! | `watch` | seeing that a file is opened and closed |
//! | `listen` | hearing that files of a directory are written to |
//! | `process` | other processes, and the descriptors of this one |
//! | `scheduling` | how the kernel schedules the thread that waits |
//! | `end` | a socket that is closed with a thread of JavaScript |

#[cfg(feature = "node")]
mod end;
mod files;
mod identity;
mod list;
mod listen;
mod lock;
mod mark;
mod process;
mod scheduling;
mod watch;

#[cfg(feature = "node")]
pub(crate) use end::End;
#[cfg(feature = "node")]
pub(crate) use files::errno;
#[cfg(test)]
pub(crate) use files::symlink;
pub(crate) use files::{
    Attributes, OPEN_FILES_CANNOT_BE_DELETED, busy, create, open, pin_directory, rename, shortened, stale, write_at,
};
pub(crate) use listen::listen;
pub(crate) use lock::{LOCK_CALL, holder_text, is_locked, lock_file, try_claim};
pub(crate) use process::{clock, command, has_descriptor, is_alive};
pub(crate) use scheduling::do_not_preempt;
pub(crate) use watch::watch;
