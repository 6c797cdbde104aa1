//! What a file is, volume and file index, and what each write to it changes.
//!
//! Both are told of an open file only.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use windows_sys::Win32::Foundation::ERROR_DIRECTORY;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_DIRECTORY, FILE_FLAG_OPEN_REPARSE_POINT,
};

use super::files::{look, system_error};
use super::raw;
use crate::os::{Identity, Stamp};

/// From 1601, with which the times of Windows begin, to 1970.
const SECONDS_TO_UNIX_EPOCH: i64 = 11_644_473_600;
const TICKS_PER_SECOND: i64 = 10_000_000;

impl Identity {
    fn of(information: &BY_HANDLE_FILE_INFORMATION) -> Self {
        Self::new(
            u64::from(information.dwVolumeSerialNumber),
            joined(information.nFileIndexHigh, information.nFileIndexLow),
        )
    }

    /// # Errors
    /// The error of `GetFileInformationByHandle`.
    pub(crate) fn of_open(file: &File) -> io::Result<Self> {
        raw::information(file).map(|information| Self::of(&information))
    }

    /// The identity of the file at `path`, following symbolic links.
    ///
    /// # Errors
    /// The error of `CreateFile`.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_open(&look(path, 0)?)
    }

    /// The identity of what is at `path` itself, be it a symbolic link.
    ///
    /// # Errors
    /// The error of `CreateFile`.
    pub(crate) fn of_entry(path: &Path) -> io::Result<Self> {
        Self::of_open(&look(path, FILE_FLAG_OPEN_REPARSE_POINT)?)
    }

    /// The identity of the directory at `path`, following symbolic links.
    ///
    /// # Errors
    /// The error of `CreateFile`; `ERROR_DIRECTORY` when `path` is something else.
    pub(crate) fn of_directory(path: &Path) -> io::Result<Self> {
        let found = raw::information(&look(path, 0)?)?;
        if found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY == 0 {
            return Err(system_error(ERROR_DIRECTORY));
        }
        Ok(Self::of(&found))
    }
}

impl Stamp {
    /// # Errors
    /// The error of `CreateFile`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = look(path, 0)?;
        let (found, times) = (raw::information(&file)?, raw::times(&file)?);
        Ok(Self {
            identity: Identity::of(&found),
            size: joined(found.nFileSizeHigh, found.nFileSizeLow),
            modified: since_unix_epoch(times.LastWriteTime),
            changed: since_unix_epoch(times.ChangeTime),
        })
    }
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Seconds and nanoseconds.
fn since_unix_epoch(ticks: i64) -> (i64, i64) {
    (ticks.div_euclid(TICKS_PER_SECOND) - SECONDS_TO_UNIX_EPOCH, ticks.rem_euclid(TICKS_PER_SECOND) * 100)
}
