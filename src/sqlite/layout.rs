//! What a new database is made with: the size of its pages, and its `auto_vacuum`.
//!
//! SQLite takes both from the connection that writes the first page, and silently ignores them
//! later. The switch to WAL writes that page, if `auto_vacuum` has not written it already. So a new
//! database gets both before the switch, under the lock. An existing database keeps its page size,
//! because SQLite does not change that in a WAL database. A VACUUM changes its `auto_vacuum`.

#![forbid(unsafe_code)]

use rusqlite::Connection;

use super::Error;
use super::refresh::refresh;

const PAGE_SIZE: &str = "page_size";
pub(super) const AUTO_VACUUM: &str = "auto_vacuum";

/// What becomes of pages that are free, <https://www.sqlite.org/pragma.html#pragma_auto_vacuum>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoVacuum {
    /// They stay in the file and are used again.
    None,
    /// Each commit takes them off the file.
    Full,
    /// `PRAGMA incremental_vacuum` takes them off the file.
    Incremental,
}

const MODES: [(AutoVacuum, &str); 3] =
    [(AutoVacuum::None, "NONE"), (AutoVacuum::Full, "FULL"), (AutoVacuum::Incremental, "INCREMENTAL")];

impl AutoVacuum {
    /// What the argument of the pragma means; `None`: SQLite would take it for 0.
    pub(super) fn of(argument: &str) -> Option<Self> {
        let means =
            |(mode, word): &&(Self, &str)| argument.eq_ignore_ascii_case(word) || argument == mode.number().to_string();
        MODES.iter().find(means).map(|(mode, _)| *mode)
    }

    fn of_database(connection: &Connection) -> rusqlite::Result<Self> {
        let number: u8 = ask(connection, AUTO_VACUUM)?;
        Ok(MODES.iter().find(|(mode, _)| mode.number() == number).map_or(Self::None, |(mode, _)| *mode))
    }

    fn number(self) -> u8 {
        self as u8
    }

    fn name(self) -> &'static str {
        MODES[usize::from(self.number())].1
    }

    fn give(self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, AUTO_VACUUM, self.number())
    }
}

/// What a new database is to be made with. What is left out is SQLite's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a page: a power of two from 512 to 65,536. Default 4096.
    pub page_size: Option<u32>,
    /// Default [`AutoVacuum::None`].
    pub auto_vacuum: Option<AutoVacuum>,
}

impl Layout {
    /// Gives it to a database that does not exist yet, which is then made by `make`. To be called under the lock.
    ///
    /// # Errors
    /// [`Error::TooLate`] when the database has another one. A program that ignores the lock may have made it meanwhile.
    pub(super) fn lay(self, connection: &Connection, make: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        if !self.check(connection)? {
            if let Some(bytes) = self.page_size {
                connection.pragma_update(None, PAGE_SIZE, bytes)?;
            }
            if let Some(mode) = self.auto_vacuum {
                mode.give(connection)?;
            }
        }
        make()?;
        self.check(connection).map(drop)
    }

    /// Does the database exist? Then it has this layout. Reads nothing when all is left out.
    ///
    /// # Errors
    /// [`Error::TooLate`] when it has another one.
    pub(super) fn check(self, connection: &Connection) -> Result<bool, Error> {
        // This reads the file, so that the other two tell of it, and not of what is to be.
        if self == Self::default() || ask::<u32>(connection, "page_count")? == 0 {
            return Ok(false);
        }
        let bytes: u32 = ask(connection, PAGE_SIZE)?;
        if self.page_size.is_some_and(|asked| asked != bytes) {
            return Err(Error::TooLate(format!(
                "pageSize is for a new database: this one has pages of {bytes} bytes, and keeps them; leave the option out, \
                 or copy the data into a new database"
            )));
        }
        let mode = AutoVacuum::of_database(connection)?;
        match self.auto_vacuum {
            Some(asked) if asked != mode => Err(Error::TooLate(format!(
                "autoVacuum is for a new database: this one has '{}'; leave the option out. \
                 exec('PRAGMA auto_vacuum = {}; VACUUM') changes it",
                mode.name(),
                asked.name()
            ))),
            _ => Ok(true),
        }
    }
}

fn ask<T: rusqlite::types::FromSql>(connection: &Connection, pragma: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Does `PRAGMA auto_vacuum = argument` have its effect without a VACUUM? It is one value of the file then.
pub(super) fn is_switch(connection: &Connection, argument: &str) -> rusqlite::Result<bool> {
    refresh(connection)?;
    let (mode, asked) = (AutoVacuum::of_database(connection)?, AutoVacuum::of(argument));
    Ok(mode != AutoVacuum::None && asked.is_some_and(|asked| asked != AutoVacuum::None && asked != mode))
}

/// Runs a VACUUM, which gives the database this `auto_vacuum`, or by default the one that it has: SQLite itself would give it the one
/// that a pragma has named last on this connection, and another process may have changed it since.
pub(super) fn vacuum<T>(
    connection: &Connection,
    auto_vacuum: Option<AutoVacuum>,
    run: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if !connection.is_autocommit() {
        // SQLite refuses it.
        return run();
    }
    refresh(connection)?;
    let mode = AutoVacuum::of_database(connection)?;
    auto_vacuum.unwrap_or(mode).give(connection)?;
    run().inspect_err(|_| {
        // FULL and INCREMENTAL change at once.
        let _ = mode.give(connection);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Layout = Layout { page_size: Some(8192), auto_vacuum: Some(AutoVacuum::Full) };

    #[test]
    fn a_database_is_made_with_its_layout_and_keeps_it() -> Result<(), Error> {
        let connection = Connection::open_in_memory()?;
        let make = || connection.execute_batch("CREATE TABLE t (a)").map_err(Error::from);
        assert!(!ASKED.check(&connection)?);
        ASKED.lay(&connection, make)?;
        assert!(ASKED.check(&connection)?);
        for other in [
            Layout { page_size: Some(4096), ..ASKED },
            Layout { auto_vacuum: Some(AutoVacuum::None), ..ASKED },
            Layout { page_size: None, auto_vacuum: Some(AutoVacuum::Incremental) },
        ] {
            let refused = other.lay(&connection, || Err(Error::Malformed));
            assert!(matches!(refused, Err(Error::TooLate(_))), "{other:?}");
        }
        Ok(())
    }

    /// As a program does that ignores the lock.
    #[test]
    fn a_database_that_somebody_else_makes_at_the_same_moment_is_told() -> Result<(), Error> {
        let dir = tempfile::tempdir().map_err(|_| Error::Malformed)?;
        let path = dir.path().join("app.db");
        let (ours, theirs) = (Connection::open(&path)?, Connection::open(&path)?);
        let asked = Layout { auto_vacuum: None, ..ASKED };
        let laid = asked.lay(&ours, || Ok(theirs.execute_batch("CREATE TABLE t (a)")?));
        assert!(matches!(laid, Err(Error::TooLate(_))), "{laid:?}");
        Ok(())
    }

    #[test]
    fn an_auto_vacuum_is_told_by_its_word_and_by_its_number() {
        for (argument, expected) in [
            ("none", Some(AutoVacuum::None)),
            ("1", Some(AutoVacuum::Full)),
            ("Incremental", Some(AutoVacuum::Incremental)),
            ("3", None),
            ("on", None),
        ] {
            assert_eq!(AutoVacuum::of(argument), expected, "{argument}");
        }
    }
}
