//! The Node-API face: convert the arguments, call the core, convert the result.
//!
//! `lib/sqlite/native.js` is its only caller and has checked every argument, so the conversions here refuse rather than explain.
//! Errors cross the border as data, see [`error`]. A panic is caught on every way in: it becomes an error, never the end
//! of the process.
//!
//! | file | holds |
//! |---|---|
//! | `environment` | the holds of one JavaScript thread, and what happens when it ends |
//! | `lock` | the lock of a directory: attempts and waits for JavaScript holds |
//! | `database` | a database: reads, and writes as submissions |
//! | `checkpoint` | checkpoints |
//! | `backup` | backups |
//! | `statement` | plain reads |
//! | `rows` | rows, handed over |
//! | `read` | reads on workers |
//! | `cursor` | reads a chunk at a time |
//! | `stepper` | what cursors and backups are: work in steps on a thread of its own |
//! | `submission` | a write on its way through a worker or the waiter thread |
//! | `convert` | values |
//! | `holder` | what is known of a holder |
//! | `presence` | whether another SQLite is in this process |
//! | `error` | errors as data |

#![cfg_attr(test, allow(dead_code, reason = "what napi registers for Node is unused in a test binary"))]

mod backup;
mod batch;
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
