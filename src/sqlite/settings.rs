//! The settings of a database: pragmas that hold for all of its connections.
//!
//! SQLite keeps them for each connection. The writing connection is set first. The others follow
//! before their next use, because another thread may be using them at the moment. The connections
//! that checkpoint and copy run no statement of a caller, and stay as they are.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::Error;
use super::connection::{ConnectionOptions, Synchronous};

const FOREIGN_KEYS: &str = "foreign_keys";
const SYNCHRONOUS: &str = "synchronous";
const NAMES: [&str; 5] =
    [FOREIGN_KEYS, SYNCHRONOUS, "case_sensitive_like", "recursive_triggers", "ignore_check_constraints"];

/// The values that a connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings([u8; 8]);

impl Settings {
    /// Those of a connection that has been opened.
    pub(super) fn of(options: &ConnectionOptions) -> Self {
        let synchronous = match options.synchronous {
            Synchronous::Normal => 1,
            Synchronous::Full => 2,
        };
        Self([u8::from(options.foreign_keys), synchronous, 0, 0, 0, 0, 0, 0])
    }

    /// The same without foreign keys.
    pub(super) fn without_foreign_keys(self) -> Self {
        self.replaced(FOREIGN_KEYS, 0)
    }

    /// The same with another value of one.
    ///
    /// # Errors
    /// `SQLITE_MISUSE` for what is no value of it. SQLite takes that for one value or another.
    pub(super) fn with(self, name: &str, argument: &str) -> Result<Self, Error> {
        let (highest, values) = if name == SYNCHRONOUS { (3, "OFF, NORMAL, FULL or EXTRA") } else { (1, "ON or OFF") };
        let value = number(argument, name == SYNCHRONOUS).filter(|value| *value <= highest);
        let value = value.ok_or_else(|| Error::misuse(&format!("PRAGMA {name} takes {values}")))?;
        Ok(self.replaced(name, value))
    }

    fn replaced(mut self, name: &str, value: u8) -> Self {
        if let Some(place) = NAMES.iter().position(|known| *known == name) {
            self.0[place] = value;
        }
        self
    }

    /// Gives these values to a connection that has the values `before`, outside a transaction.
    pub(super) fn apply(self, connection: &Connection, before: Self) -> rusqlite::Result<()> {
        for (place, name) in NAMES.iter().enumerate() {
            if self.0[place] != before.0[place] {
                connection.pragma_update(None, name, self.0[place])?;
            }
        }
        Ok(())
    }
}

/// What SQLite makes of an argument, <https://www.sqlite.org/pragma.html#syntax>.
fn number(argument: &str, is_level: bool) -> Option<u8> {
    let words: &[(&str, u8)] = if is_level {
        &[("off", 0), ("normal", 1), ("full", 2), ("extra", 3)]
    } else {
        &[("off", 0), ("no", 0), ("false", 0), ("on", 1), ("yes", 1), ("true", 1)]
    };
    let word = words.iter().find(|(word, _)| argument.eq_ignore_ascii_case(word));
    word.map(|(_, value)| *value).or_else(|| argument.parse().ok())
}

/// What holds for a database: changed by its writing connection, followed by the others.
pub(crate) struct InForce(AtomicU64);

impl InForce {
    pub(crate) fn of(options: &ConnectionOptions) -> Self {
        Self(AtomicU64::new(u64::from_ne_bytes(Settings::of(options).0)))
    }

    pub(super) fn get(&self) -> Settings {
        Settings(self.0.load(Ordering::Relaxed).to_ne_bytes())
    }

    pub(super) fn set(&self, settings: Settings) {
        self.0.store(u64::from_ne_bytes(settings.0), Ordering::Relaxed);
    }
}
