//! SQLite: connections, writes and reads. It knows nothing of the lock: the caller of the writer
//! holds it.
//!
//! | file | holds |
//! |---|---|
//! | `connection` | how a database is opened and set up |
//! | `refresh` | reading the file so that a connection knows its present state |
//! | `authorizer` | what a statement of a caller may not do |
//! | `run` | running a statement of a caller |
//! | `text` | what the text of a statement tells |
//! | `description` | what a statement is, and what its columns are |
//! | `write` | what a caller asks the writing connection to do |
//! | `codec` | how a batch of writes comes from JavaScript |
//! | `counters` | `last_insert_rowid()` and `changes()` as one caller sees them |
//! | `writer` | the writing connection: batches, transactions, scripts |
//! | `split` | where each statement of a script ends |
//! | `settings` | pragmas that hold for all connections |
//! | `layout` | what a new database is made with |
//! | `interrupt` | interrupting work of another thread |
//! | `checkpoint` | the connection that checkpoints |
//! | `backup` | copying a database |
//! | `read_connection` | the reading connection |
//! | `at_rest` | reading a database that no program has open, without locks |
//! | `companion` | the names of the files beside a database |
//! | `query` | plain reads |
//! | `records` | the table of the records API |
//! | `pragma` | what each pragma is |
//! | `rows` | rows as values |
//! | `form` | how a caller wants rows, and which values JavaScript cannot take |
//! | `chunk` | rows on their way to JavaScript |
//! | `memory` | copies for which there may be too little memory |
//! | `presence` | which files are open in this process, and by which library |
//! | `advice` | what to use instead of a call that was refused |
//! | `error`, `codes` | errors and the names of their codes |
//! | `raw` | the C interface, where rusqlite has no call for it |

mod advice;
mod at_rest;
mod authorizer;
mod backup;
mod checkpoint;
#[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "a Rust program has rusqlite for its queries"))]
mod chunk;
mod codec;
mod codes;
mod companion;
mod connection;
mod counters;
#[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only JavaScript asks what a statement is"))]
mod description;
mod error;
mod form;
mod interrupt;
mod layout;
pub(crate) mod memory;
mod pragma;
mod presence;
#[cfg_attr(not(feature = "node"), expect(dead_code, reason = "a Rust program has rusqlite for its queries"))]
mod query;
mod raw;
#[cfg_attr(not(feature = "node"), expect(dead_code, reason = "a Rust program has rusqlite for its queries"))]
mod read_connection;
mod records;
mod refresh;
mod rows;
mod run;
mod settings;
mod split;
#[cfg(test)]
mod test_values;
mod text;
mod write;
mod writer;

pub use checkpoint::{Checkpoint, CheckpointMode};
pub use connection::{ConnectionOptions, Synchronous};
pub use error::{Error, Failure};
pub use form::{Form, Integers};
pub use layout::{AutoVacuum, Layout};
pub use rows::{Row, Rows};
pub use rusqlite::Connection;
pub use rusqlite::types::Value;
pub use rusqlite::types::ValueRef;
pub use write::{Control, Parameter, Write};
pub use writer::Written;

pub(crate) use backup::{Copier, Progress, leave_wal_mode};
pub(crate) use checkpoint::Checkpointer;
#[cfg(feature = "node")]
pub(crate) use chunk::{Beside, Chunk, Kept, LARGE, Text};
#[cfg(feature = "node")]
pub(crate) use codec::{decode, decode_parameters};
pub(crate) use companion::{JOURNAL, SHM, WAL, beside};
pub(crate) use connection::Memory;
#[cfg(feature = "node")]
pub(crate) use description::{Column, Description};
#[cfg(feature = "node")]
pub(crate) use form::{Misfit, exact};
pub(crate) use interrupt::Interrupt;
pub(crate) use pragma::statement as pragma_statement;
pub(crate) use presence::has_open;
#[cfg(feature = "node")]
pub(crate) use presence::meets_another;
#[cfg(feature = "node")]
pub(crate) use query::{Columns, Encoded};
pub(crate) use query::{Query, Source};
pub(crate) use read_connection::{Mark, ReadConnection};
pub(crate) use settings::InForce;
#[cfg(feature = "node")]
pub(crate) use text::is_kept;
pub(crate) use writer::{HoldId, Limits, Outcome, TransactionId, Writer};

/// The version of the bundled SQLite, such as `3.54.1`. Never below 3.51.3: from 3.7.0 to 3.51.2 commits can be lost when
/// two processes write and checkpoint at once.
#[must_use]
pub fn version() -> &'static str {
    rusqlite::version()
}
