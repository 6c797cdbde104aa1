//! sqlock: several processes write to one SQLite database, one at a time, under a true OS lock.
//!
//! This crate is the engine of the npm package of the same name, and a plain blocking library for
//! Rust programs: [`WriteLocker`] takes the lock `<dir>/db.lock`, [`Database`] writes under it. The
//! lock is flock(2); the kernel frees it the moment a process dies, however it dies.
//!
//! | module | holds |
//! |---|---|
//! | [`lock`] | the lock protocol; knows nothing of SQLite |
//! | [`sqlite`] | connections, writes, reads; knows nothing of the lock |
//! | `db` | [`Database`], which joins both |
//! | `os` | the operating system |
//! | `node` | the Node-API face (feature `node`) |
//! | `threads` | the threads of our own |
//!
//! ```
//! use sqlock::{Database, Error, lock};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.db");
//! let db = Database::open(&path)?;
//! match db.create_record("test", 42) {
//!     Ok(id) => println!("created record {id}"),
//!     Err(Error::Lock(error @ lock::Error::Timeout { .. })) => eprintln!("try again: {error}"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

mod db;
mod error;
pub mod lock;
#[cfg(feature = "node")]
mod node;
mod os;
pub mod sqlite;
mod threads;

pub use db::{Change, Changes, DEFAULT_TIMEOUT, Database, DatabaseOptions, Record};
pub use error::Error;
pub use lock::{WriteGuard, WriteLocker};
