//! The lock: one flock(2) on `<base_dir>/db.lock` for every writer of a directory, whatever its language.
//!
//! # The order of steps
//! 1. **Open** `db.lock` without truncating it, making it if it is missing; what is no regular file is refused before a
//!    byte is changed.
//! 2. **flock** `LOCK_EX`, on the whole file.
//! 3. **Compare**: the path must still name the file that was locked. If not, it was deleted or replaced: start again.
//! 4. **Clear** what a killed holder left, and **announce** ourselves: `pid:<decimal>\ntime:<UTC>\n`, and `label:…` if
//!    there is one.
//! 5. The caller's work.
//! 6. **Clear** the text, then **unlock**.
//!
//! The file is never deleted, since that would split those who wait across two files. Only `EWOULDBLOCK` is contention;
//! every other errno is an error at once and never becomes a timeout. A text that could not be written, on a full disk
//! say, does not fail the hold.
//!
//! # Who waits where
//! A call is an entry in the queue of its lock file and process. The first attempt never waits. Found taken, the
//! lock is waited for by one detached thread, whatever the number of entries, so that neither an event
//! loop nor a pool of workers is ever held up.
//!
//! | file | holds |
//! |---|---|
//! | `locker` | [`WriteLocker`], what a Rust program uses |
//! | `status` | who holds the lock, seen from outside |
//! | `queue` | the FIFO queue of one lock file, the hold, and the thread that waits in the kernel |
//! | `courtesy` | leaving the lock to other processes |
//! | `pollers` | programs that poll |
//! | `owner` | whose an entry is |
//! | `replacement` | a file that takes the place of another one when it is whole |
//! | `file` | the lock file: open, flock, holder text; the only caller of the OS lock |
//! | `watch` | seeing that a file is opened and closed |
//! | `seam` | what the queue needs of `file` and `watch` |
//! | `scheduling` | how the kernel schedules the thread that waits |
//! | `mark` | how a process that waits is seen |
//! | `holder` | composing and parsing the holder text |
//! | `directory` | which spellings of a directory are one |
//! | `claim` | who asks, and how a new lock file is made |
//! | `error` | what can go wrong |

#![deny(unsafe_code)]

mod claim;
mod courtesy;
mod directory;
mod error;
mod file;
mod holder;
mod locker;
mod mark;
mod owner;
mod pollers;
mod queue;
mod replacement;
mod scheduling;
mod seam;
mod status;
mod watch;

pub(crate) use directory::{Identity, absolute};
pub(crate) use error::busy;

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
