//! Other processes, and the descriptors of this one.

#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::os::Identity;

/// Is a process with this pid alive? kill(2) with signal 0: EPERM means that the process is there
/// but not ours.
pub(crate) fn is_alive(pid: u32) -> Option<bool> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    match rustix::process::test_kill_process(pid) {
        Ok(()) | Err(Errno::PERM) => Some(true),
        Err(Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}

/// At most `max` bytes of its command line, from proc(5): the arguments are separated and ended by
/// NUL. Without a /proc there is nothing to read.
pub(crate) fn command(pid: u32, max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/cmdline")).ok()?.take(max).read_to_end(&mut bytes).ok()?;
    Some(bytes.into_iter().map(|byte| if byte == 0 { b' ' } else { byte }).collect())
}

/// The clock of all processes, `CLOCK_MONOTONIC`.
pub(crate) fn clock() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic)).unwrap_or_default()
}

/// Has this process a descriptor of the file? Told by proc(5); without it, none is seen.
pub(crate) fn has_descriptor(file: Identity) -> bool {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else { return false };
    descriptors
        .flatten()
        .any(|descriptor| fs::metadata(descriptor.path()).is_ok_and(|found| Identity::of(&found) == file))
}
