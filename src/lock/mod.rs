//! The lock: one flock(2) on `<base_dir>/db.lock` for every writer of a directory, whatever its
//! language.
//!
//! # The order of steps
//! 1. **Open** `db.lock` without truncating it. Make it if it is missing. If it is no regular file,
//!    refuse it before a byte is changed.
//! 2. **flock** `LOCK_EX`, on the whole file.
//! 3. **Compare**: the path must still name the file that was locked. Otherwise the file was
//!    deleted or replaced: start again.
//! 4. **Clear** what a killed holder left, and **announce** this process:
//!    `pid:<decimal>\ntime:<UTC>\n`, and `label:…` if there is a label.
//! 5. The caller's work.
//! 6. **Clear** the text, then **unlock**.
//!
//! The file is never deleted: the waiting programs would then wait for two different files. Only
//! `EWOULDBLOCK` is contention. Every other errno is an error at once and never becomes a timeout.
//! A text that cannot be written, for example on a full disk, does not fail the hold.
//!
//! # Who waits where
//! Each call is an entry in the queue that this process has for the lock file. The first attempt
//! never waits. If the lock is taken, one detached thread waits for it on behalf of all entries. So
//! neither an event loop nor a pool of workers ever waits. The life of a call is drawn in
//! `queue.rs`.
//!
//! | file | holds |
//! |---|---|
//! | `locker` | [`WriteLocker`], what a Rust program uses |
//! | `status` | who holds the lock, seen from outside |
//! | `queue` | the FIFO queue of one lock file, the hold, and the thread that waits in the kernel |
//! | `courtesy` | leaving the lock to other processes |
//! | `pollers` | programs that poll |
//! | `owner` | to which thread of the host an entry belongs |
//! | `replacement` | a file that takes the place of another one when it is complete |
//! | `file` | the lock file of a claim, found or made |
//! | `seam` | what the queue needs of `file` |
//! | `holder` | composing and parsing the holder text |
//! | `directory` | which spellings of a directory are one |
//! | `claim` | what a caller brings along to take the lock |
//! | `error` | the errors of the lock |

#![deny(unsafe_code)]

mod claim;
mod courtesy;
mod directory;
mod error;
mod file;
mod holder;
mod locker;
mod owner;
mod pollers;
mod queue;
mod replacement;
mod seam;
mod status;

pub(crate) use crate::os::{Identity, busy};
pub(crate) use directory::absolute;

pub use claim::LockOptions;
pub use error::Error;
pub use holder::Holder;
pub use locker::WriteLocker;
pub use queue::WriteGuard;
pub use status::Status;

#[cfg(feature = "node")]
pub(crate) use owner::Owner;
pub(crate) use queue::let_go;
#[cfg(feature = "node")]
pub(crate) use queue::{EntryId, Queue, Request, Settle, abandon};
pub(crate) use replacement::Replacement;
