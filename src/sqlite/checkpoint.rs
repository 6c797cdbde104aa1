//! Moving the content of the WAL into the database file, <https://www.sqlite.org/wal.html#ckpt>.
//! The checkpoint has a connection of its own, so the writing connection goes on meanwhile.

#![forbid(unsafe_code)]

use std::path::Path;

use super::Error;
use super::connection::{self, ConnectionOptions, Opened};
use super::interrupt::Interrupt;
use super::refresh::refresh;

/// How far a checkpoint goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointMode {
    /// As far as it gets without waiting for anybody.
    Passive,
    /// To the end of the WAL, waiting for readers.
    Full,
    /// The same, and waits until nobody reads from the WAL, so that the next writer begins it anew.
    Restart,
    /// The same, and makes the WAL an empty file.
    Truncate,
}

/// What a checkpoint did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Was everything moved, and what the mode asks for besides?
    pub complete: bool,
    /// Frames in the WAL.
    pub wal_frames: u64,
    /// Those of them that were moved so far.
    pub checkpointed_frames: u64,
}

/// The connection that checkpoints.
pub(crate) struct Checkpointer {
    connection: Opened,
}

impl Checkpointer {
    pub(crate) fn open(path: &Path, options: &ConnectionOptions) -> Result<Self, Error> {
        // A file that has gone meanwhile is not made anew.
        let options = ConnectionOptions { file_must_exist: true, ..options.clone() };
        Ok(Self { connection: connection::open_writer(path, &options)? })
    }

    /// Leaves the WAL alone when it is closed.
    pub(crate) fn forgo_checkpoint(&self) {
        self.connection.forgo_checkpoint();
    }

    /// Checkpoints until it is called off. What was moved by then stays so.
    pub(crate) fn run(&self, mode: CheckpointMode, interrupt: &Interrupt) -> Result<Checkpoint, Error> {
        let _armed = interrupt.arm(&self.connection.brake);
        interrupt.check()?;
        let checkpoint = self.checkpoint(mode).map_err(|error| interrupt.explain(error))?;
        // SQLite does not call it an error when it gives up waiting for readers.
        if !checkpoint.complete {
            interrupt.check()?;
        }
        Ok(checkpoint)
    }

    fn checkpoint(&self, mode: CheckpointMode) -> Result<Checkpoint, Error> {
        let sql = match mode {
            CheckpointMode::Passive => "PRAGMA main.wal_checkpoint(PASSIVE)",
            CheckpointMode::Full => "PRAGMA main.wal_checkpoint(FULL)",
            CheckpointMode::Restart => "PRAGMA main.wal_checkpoint(RESTART)",
            CheckpointMode::Truncate => "PRAGMA main.wal_checkpoint(TRUNCATE)",
        };
        refresh(&self.connection)?;
        let [busy, wal, checkpointed]: [i64; 3] =
            self.connection.prepare_cached(sql)?.query_row([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
        // -1: the database has no WAL.
        let frames = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(Checkpoint {
            complete: busy == 0 && wal == checkpointed,
            wal_frames: frames(wal),
            checkpointed_frames: frames(checkpointed),
        })
    }
}
