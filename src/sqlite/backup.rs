//! Copying a database while others write to it, <https://www.sqlite.org/backup.html>, on a
//! connection of its own.
//!
//! SQLite starts such a copy again when another connection has changed the database. Under steady
//! writing the copy would never end. So the copying connection keeps one snapshot from the first
//! page to the last, and sees no change.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::at_rest::AtRest;
use super::connection::{self, ConnectionOptions, Opened, OpenedToRead};
use super::interrupt::Interrupt;
use super::refresh::{is_wal, refresh};
use crate::os;

/// So many pages are copied until it is looked whether to go on.
const PAGES_AT_ONCE: i32 = 256;

/// How often a database that is not in WAL mode may be begun anew. Then the file is kept from those who write to it until its
/// end, since without a WAL there is no snapshot beside them.
const RESTARTS: u32 = 3;

/// How far a copy has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) total_pages: i32,
    pub(crate) remaining_pages: i32,
}

/// The connection that is copied from.
pub(crate) struct Copier {
    connection: Opened,
    /// For a connection that reads without locks: the copy is good only if this still holds at its end.
    at_rest: Option<AtRest>,
}

impl Copier {
    pub(crate) fn open(path: &Path, options: &ConnectionOptions) -> Result<Self, Error> {
        // A file that has gone meanwhile is not made anew.
        let options = ConnectionOptions { file_must_exist: true, ..options.clone() };
        let OpenedToRead { connection, at_rest, .. } = connection::open_to_read(path, &options)?;
        Ok(Self { connection, at_rest })
    }

    /// Copies everything into the empty file `target`; gives the number of pages. `on_step` is told how far it has got after each
    /// step of so many pages, and whether to go on by it.
    ///
    /// # Errors
    /// [`Error::changed`] when the database was changed under a copy without locks, among others.
    pub(crate) fn run(
        &self,
        target: &Path,
        pages_per_step: i32,
        interrupt: &Interrupt,
        on_step: impl FnMut(Progress) -> bool,
    ) -> Result<i32, Error> {
        let _armed = interrupt.arm(&self.connection.brake);
        let copied = self.copy(target, pages_per_step, interrupt, on_step).map_err(|error| interrupt.explain(error));
        if self.at_rest.as_ref().is_none_or(AtRest::holds) { copied } else { Err(Error::changed()) }
    }

    fn copy(
        &self,
        target: &Path,
        pages_per_step: i32,
        interrupt: &Interrupt,
        mut on_step: impl FnMut(Progress) -> bool,
    ) -> Result<i32, Error> {
        let mut target = open_target(target)?;
        let pages = {
            let mut copy =
                Copy { source: &self.connection, backup: Backup::new(&self.connection, &mut target)?, restarts: 0 };
            loop {
                let is_done = copy.step(pages_per_step, interrupt)?;
                let progress = copy.progress();
                if !on_step(progress) {
                    return Err(Error::interrupted());
                }
                if is_done {
                    break progress.total_pages;
                }
            }
        };
        interrupt.check()?;
        target.close().map_err(|(_, error)| error)?;
        Ok(pages)
    }
}

/// A copy under way.
struct Copy<'c> {
    source: &'c Connection,
    backup: Backup<'c, 'c>,
    restarts: u32,
}

impl Copy<'_> {
    fn progress(&self) -> Progress {
        let progress = self.backup.progress();
        Progress { total_pages: progress.pagecount, remaining_pages: progress.remaining }
    }

    /// Copies so many pages; true when nothing is left.
    fn step(&mut self, pages: i32, interrupt: &Interrupt) -> Result<bool, Error> {
        let mut left = pages;
        while left > 0 {
            interrupt.check()?;
            self.keep_snapshot()?;
            let before = self.progress().remaining_pages;
            let count = left.min(PAGES_AT_ONCE);
            match self.backup.step(count)? {
                StepResult::Done => return Ok(true),
                StepResult::More => {}
                _ => return Err(Error::busy()),
            }
            if before > 0 && self.progress().remaining_pages >= before {
                self.restarts += 1;
            }
            left -= count;
        }
        Ok(false)
    }

    /// Sees to it that a snapshot stays open until the end, where that keeps nobody from writing.
    fn keep_snapshot(&self) -> Result<(), Error> {
        if !self.source.is_autocommit() {
            return Ok(());
        }
        refresh(self.source)?;
        if self.restarts >= RESTARTS || is_wal(self.source)? {
            self.source.execute_batch("BEGIN")?;
            refresh(self.source)?;
        }
        Ok(())
    }
}

/// Opens what is copied to. Until it is whole, nobody else looks at it, so it needs neither a journal nor SQLite's syncs.
fn open_target(path: &Path) -> Result<Connection, Error> {
    let target =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    target.pragma_update(None, "journal_mode", "OFF")?;
    target.pragma_update(None, "synchronous", "OFF")?;
    Ok(target)
}

/// Makes a copy that nobody has open a database with a rollback journal, which opens where no file can be made beside it. The mode
/// is two bytes of the header: <https://www.sqlite.org/fileformat.html#file_format_version_numbers>.
pub(crate) fn leave_wal_mode(copy: &File) -> io::Result<()> {
    const VERSIONS: u64 = 18;
    const ROLLBACK_JOURNAL: [u8; 2] = [1, 1];
    os::write_at(copy, &ROLLBACK_JOURNAL, VERSIONS)
}
