//! Opening, making and naming files.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BUSY, ERROR_FILE_INVALID, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
};

use super::raw;
use crate::os::{Access, Entry, Listener};

/// In nobody's way.
const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
/// Nobody can delete the file, rename it, or put another one in its place.
const SHARE_BUT_DELETE: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE;

/// Virus scanners and indexers open a file that was just written, and hold it for a moment.
const PATIENCE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(5);

/// Does an open lock file keep others from deleting it?
pub(crate) const OPEN_FILES_CANNOT_BE_DELETED: bool = true;

/// Opens the regular file at `path`, which is not made if it is missing. What it is, is decided on
/// the handle. As long as one is open for writing, nobody can delete or replace it.
///
/// # Errors
/// The error of `CreateFile`.
pub(crate) fn open(path: &Path, access: Access) -> io::Result<Entry> {
    let mut options = File::options();
    options.read(true).write(access == Access::Write);
    options.share_mode(if access == Access::Write { SHARE_BUT_DELETE } else { SHARE_ALL });
    // So that a link and a directory are opened themselves.
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS);
    match patiently(|| options.open(path), &[ERROR_SHARING_VIOLATION]) {
        Ok(file) => Ok(if is_regular(&file)? { Entry::Regular(file) } else { Entry::Other }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entry::Missing),
        Err(error) => Err(error),
    }
}

fn is_regular(file: &File) -> io::Result<bool> {
    let others = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
    Ok(raw::is_on_disk(file) && raw::information(file)?.dwFileAttributes & others == 0)
}

/// Makes the file at `path`, to lock it and to write to it.
///
/// # Errors
/// The error of `CreateFile`.
pub(crate) fn create(path: &Path, _: Attributes) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).share_mode(SHARE_BUT_DELETE).open(path)
}

/// A new file inherits its access control list from its directory, as SQLite's own files do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes;

impl Attributes {
    /// There are no permission bits.
    pub(crate) fn with_mode(_: u32) -> Self {
        Self
    }

    pub(crate) fn like(_: &Path) -> Self {
        Self
    }
}

/// Opens a directory, only to pin its file index. It is in nobody's way.
///
/// # Errors
/// The error of `CreateFile`.
pub(crate) fn pin_directory(path: &Path) -> io::Result<File> {
    look(path, 0)
}

/// Opens a file or directory for no access at all, which is in nobody's way: not even a program
/// that shares the file with nobody, or that deletes or renames it, is refused.
pub(super) fn look(path: &Path, flags: u32) -> io::Result<File> {
    // Without this flag, directories are not opened.
    let flags = FILE_FLAG_BACKUP_SEMANTICS | flags;
    File::options().access_mode(0).share_mode(SHARE_ALL).custom_flags(flags).open(path)
}

/// Writes all of `bytes`.
///
/// # Errors
/// The error of `WriteFile`.
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = file.seek_write(bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Puts the file at `from` in the place of what is at `to`. A program that has that open without
/// sharing its deletion, as SQLite does, keeps it.
///
/// # Errors
/// The error of `MoveFileEx`.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let passing = [ERROR_SHARING_VIOLATION, ERROR_ACCESS_DENIED, ERROR_USER_MAPPED_FILE];
    patiently(|| std::fs::rename(from, to), &passing)
}

/// Repeats what failed with one of these errors, which pass.
#[expect(clippy::disallowed_methods, reason = "nothing tells when another program closes a file")]
fn patiently<T>(attempt: impl Fn() -> io::Result<T>, passing: &[u32]) -> io::Result<T> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if is_one_of(&error, passing) && Instant::now() < give_up => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

fn is_one_of(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().and_then(|code| u32::try_from(code).ok()).is_some_and(|code| codes.contains(&code))
}

/// The beginning of a file's name, of at most so many UTF-16 units. It cuts no pair of them.
pub(crate) fn shortened(name: &OsStr, longest: usize) -> OsString {
    let mut units: Vec<u16> = name.encode_wide().take(longest + 1).collect();
    if units.len() > longest {
        let is_first_of_pair = |unit: u16| (0xD800..0xDC00).contains(&unit);
        let kept = if is_first_of_pair(units[longest - 1]) { longest - 1 } else { longest };
        units.truncate(kept);
    }
    OsString::from_wide(&units)
}

/// The error of what is in use.
pub(crate) fn busy() -> io::Error {
    system_error(ERROR_BUSY)
}

/// The error of a file that others replace again and again.
pub(crate) fn stale() -> io::Error {
    system_error(ERROR_FILE_INVALID)
}

pub(super) fn system_error(code: u32) -> io::Error {
    i32::try_from(code).map_or_else(|_| io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
}

/// A symbolic link to a file or a directory, for tests.
#[cfg(test)]
pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    use std::os::windows::fs::{symlink_dir, symlink_file};
    if target.is_dir() { symlink_dir(target, link) } else { symlink_file(target, link) }
}

/// Windows may tell of a write only when its cache is flushed:
/// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-findfirstchangenotificationw>.
pub(crate) fn listen(_: &[&Path], _: impl Fn(&OsStr) -> bool) -> Option<Box<dyn Listener>> {
    None
}
