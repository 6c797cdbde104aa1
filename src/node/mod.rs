//! The Node-API face: convert the arguments, call the core, convert the result.
//!
//! `lib/sqlite/native.js` is its only caller and has checked every argument. So a conversion here
//! refuses a bad value without an explanation. Errors cross the border as data, see [`error`].
//! Every function that JavaScript calls catches panics. A panic becomes an error, never the end of
//! the process.
//!
//! | file | holds |
//! |---|---|
//! | `database` | a database: reads, and writes as submissions |
//! | `lock` | the lock of a directory: attempts and waits for holds of JavaScript |
//! | `environment` | the holds of one JavaScript thread, and what happens when it ends |
//! | `end` | how the end of a worker thread is noticed |
//! | `submission` | a batch of writes on its way, through the queue or under a hold |
//! | `queued` | a batch that takes the lock itself |
//! | `batch` | the writes on their way in |
//! | `outcomes` | what came of them, on its way to JavaScript |
//! | `ticket` | what a call keeps while it has an entry in the queue |
//! | `interrupts` | interrupting the work of a thread or a hold |
//! | `statement` | plain reads |
//! | `rows` | rows on their way to JavaScript |
//! | `read` | reads on workers |
//! | `cursor` | reads a chunk at a time |
//! | `changes` | telling of commits |
//! | `checkpoint` | checkpoints |
//! | `backup` | backups |
//! | `stepper` | work in steps on a thread of its own, such as a cursor or a backup |
//! | `convert` | values |
//! | `holder` | what is known of a holder |
//! | `presence` | whether another SQLite is in this process |
//! | `error` | errors as data |

#![cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]

mod backup;
mod batch;
mod changes;
mod checkpoint;
mod convert;
mod cursor;
mod database;
mod end;
mod environment;
mod error;
mod holder;
mod interrupts;
mod lock;
mod outcomes;
mod presence;
mod queued;
mod read;
mod rows;
mod statement;
mod stepper;
mod submission;
mod ticket;

use napi_derive::napi;

/// The version of the bundled SQLite.
#[napi(catch_unwind)]
#[must_use]
pub fn sqlite_version() -> &'static str {
    crate::sqlite::version()
}
