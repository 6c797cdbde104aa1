//! Other processes.

#![forbid(unsafe_code)]

use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER};

use super::raw::{self, Process};
use crate::os::Identity;

/// Is a process with this pid alive?
pub(crate) fn is_alive(pid: u32) -> Option<bool> {
    match Process::open(pid) {
        Ok(process) => Some(process.is_running()),
        Err(error) => match error.raw_os_error().and_then(|code| u32::try_from(code).ok()) {
            // One of others.
            Some(ERROR_ACCESS_DENIED) => Some(true),
            Some(ERROR_INVALID_PARAMETER) => Some(false),
            _ => None,
        },
    }
}

/// At most `max` bytes of the path of its program. Windows does not tell the arguments of another
/// process.
pub(crate) fn command(pid: u32, max: u64) -> Option<Vec<u8>> {
    let process = Process::open(pid).ok().filter(Process::is_running)?;
    let mut bytes = String::from_utf16_lossy(&process.image().ok()?).into_bytes();
    bytes.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    Some(bytes)
}

/// The clock of all processes, `QueryPerformanceCounter`.
pub(crate) fn clock() -> Duration {
    raw::counter()
}

/// Has this process a descriptor of the file? It does not matter here: a lock of SQLite belongs to
/// a handle, and another copy of SQLite that closes its own handle takes no lock away.
pub(crate) fn has_descriptor(_: Identity) -> bool {
    false
}
