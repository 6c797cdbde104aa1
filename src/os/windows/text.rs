//! The holder text that others can read while the lock is held: in `db.lock.holder`, beside the
//! lock file.
//!
//! It has one line more than the text of the lock file: when the process was created. The text is
//! believed only while a process with that pid and that time lives, since a process that was killed
//! leaves it, and its pid is given to another one soon.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use super::{files, raw};
use crate::os::{Access, Entry};

const SUFFIX: &str = ".holder";
const CREATED: &str = "created:";
const PID: &str = "pid:";

fn beside(lock_path: &Path) -> PathBuf {
    let mut path = OsString::from(lock_path);
    path.push(SUFFIX);
    path.into()
}

/// The file of one open lock file. It is opened with the first text.
pub(super) struct Text {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Text {
    pub(super) fn beside(lock_path: &Path) -> Self {
        Self { path: beside(lock_path), file: OnceLock::new() }
    }

    /// Removes what a killed holder left and writes `text`.
    pub(super) fn announce(&self, text: &str) -> io::Result<()> {
        let file = self.file()?;
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        let created = CREATED_SELF.map_or_else(String::new, |created| format!("{CREATED}{created}\n"));
        files::write_at(file, format!("{created}{text}").as_bytes(), 0)
    }

    pub(super) fn clear(&self) -> io::Result<()> {
        self.file.get().map_or(Ok(()), |file| file.set_len(0))
    }

    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = open_or_create(&self.path)?;
        Ok(self.file.get_or_init(|| file))
    }
}

fn open_or_create(path: &Path) -> io::Result<File> {
    loop {
        match files::open(path, Access::Write)? {
            Entry::Regular(file) => return Ok(file),
            Entry::Other => return Err(io::ErrorKind::InvalidInput.into()),
            Entry::Missing => match files::create(path, files::Attributes) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            },
        }
    }
}

/// When this process was created.
static CREATED_SELF: LazyLock<Option<u64>> = LazyLock::new(|| raw::created_self().ok());

/// At most `max` bytes of the holder text of the lock file at `path`, without the time of creation;
/// `None` when it cannot be read or is not to be believed.
pub(crate) fn holder_text(path: &Path, max: u64) -> Option<Vec<u8>> {
    let Ok(Entry::Regular(file)) = files::open(&beside(path), Access::Read) else { return None };
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (first, text) = text.split_once('\n')?;
    let created: u64 = first.strip_prefix(CREATED)?.parse().ok()?;
    let pid = text.lines().find_map(|line| line.strip_prefix(PID))?.parse().ok()?;
    let process = raw::Process::open(pid).ok()?;
    let is_it = process.is_running() && process.created().ok()? == created;
    is_it.then(|| text.as_bytes().to_vec())
}
