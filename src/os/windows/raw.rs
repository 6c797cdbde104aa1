//! The calls of the system that Rust's own library does not offer.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, FILETIME, HANDLE, WAIT_TIMEOUT};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FILE_TYPE_DISK, FileBasicInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFileType, LOCK_FILE_FLAGS, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY,
    LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, QueryFullProcessImageNameW, WaitForSingleObject,
};

/// The result of a call that gives zero when it has failed.
fn checked(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Volume, file index, attributes and size of an open file.
pub(super) fn information(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open as long as `file` lives, and the system writes into a structure of
    // the right type.
    checked(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut information) })?;
    Ok(information)
}

/// The times of an open file, that of a change of its attributes among them.
pub(super) fn times(file: &File) -> io::Result<FILE_BASIC_INFO> {
    let mut times = FILE_BASIC_INFO::default();
    let size = u32::try_from(size_of::<FILE_BASIC_INFO>()).unwrap_or(0);
    // SAFETY: the handle is open as long as `file` lives, and `size` is the size of the structure
    // that is written to.
    checked(unsafe {
        GetFileInformationByHandleEx(file.as_raw_handle(), FileBasicInfo, (&raw mut times).cast(), size)
    })?;
    Ok(times)
}

/// Is it a file of a disk, and no device or pipe?
pub(super) fn is_on_disk(file: &File) -> bool {
    // SAFETY: the handle is open as long as `file` lives.
    unsafe { GetFileType(file.as_raw_handle()) == FILE_TYPE_DISK }
}

/// A range of bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Range {
    fn overlapped(self) -> OVERLAPPED {
        let mut place = OVERLAPPED::default();
        let (low, high) = halves(self.offset);
        place.Anonymous.Anonymous.Offset = low;
        place.Anonymous.Anonymous.OffsetHigh = high;
        place
    }
}

fn halves(number: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    let low = number as u32;
    (low, (number >> 32) as u32)
}

/// How to lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}

/// Locks `range` if nobody else has it; `false` when somebody does.
pub(super) fn try_lock(file: &File, range: Range, mode: Mode) -> io::Result<bool> {
    match lock_file(file, range, flags(mode) | LOCKFILE_FAIL_IMMEDIATELY) {
        Err(error) if is_contention(&error) => Ok(false),
        locked => locked.map(|()| true),
    }
}

/// Locks `range` for this open file alone, and blocks the thread until it is granted. The handle is
/// synchronous, so the call does not return before.
pub(super) fn lock(file: &File, range: Range) -> io::Result<()> {
    lock_file(file, range, flags(Mode::Exclusive))
}

fn flags(mode: Mode) -> LOCK_FILE_FLAGS {
    if mode == Mode::Exclusive { LOCKFILE_EXCLUSIVE_LOCK } else { 0 }
}

fn is_contention(error: &io::Error) -> bool {
    let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
    matches!(code, Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING))
}

fn lock_file(file: &File, range: Range, flags: LOCK_FILE_FLAGS) -> io::Result<()> {
    let ((low, high), mut place) = (halves(range.length), range.overlapped());
    // SAFETY: the handle is open as long as `file` lives. It is synchronous, so that the system is
    // done with `place` when the call returns.
    checked(unsafe { LockFileEx(file.as_raw_handle(), flags, 0, low, high, &raw mut place) })
}

/// Gives back what this open file has locked. To be called once for each lock: wine refuses a
/// second call with another error than Windows.
pub(super) fn unlock(file: &File, range: Range) -> io::Result<()> {
    let ((low, high), mut place) = (halves(range.length), range.overlapped());
    // SAFETY: as for LockFileEx.
    checked(unsafe { UnlockFileEx(file.as_raw_handle(), 0, low, high, &raw mut place) })
}

/// A process that may have ended.
pub(super) struct Process(OwnedHandle);

impl Process {
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` when there is no such process, `ERROR_ACCESS_DENIED` when it is
    /// one of others.
    pub(super) fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: takes numbers alone.
        let handle = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, 0, pid) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle was opened just now, and nobody else has it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// A process that has ended stays as long as somebody has a handle of it.
    pub(super) fn is_running(&self) -> bool {
        // SAFETY: the handle is open as long as `self` lives, and the call returns at once.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), 0) == WAIT_TIMEOUT }
    }

    /// When it was created, in steps of 100 ns. Pids are given again soon; this number is not.
    pub(super) fn created(&self) -> io::Result<u64> {
        created(self.0.as_raw_handle())
    }

    /// The path of its program.
    pub(super) fn image(&self) -> io::Result<Vec<u16>> {
        let mut path = vec![0; 32_768];
        let mut length = u32::try_from(path.len()).unwrap_or(0);
        let handle = self.0.as_raw_handle();
        // SAFETY: the handle is open as long as `self` lives, and `length` is that of the buffer.
        checked(unsafe { QueryFullProcessImageNameW(handle, PROCESS_NAME_WIN32, path.as_mut_ptr(), &raw mut length) })?;
        path.truncate(usize::try_from(length).unwrap_or(0));
        Ok(path)
    }
}

/// When this process was created.
pub(super) fn created_self() -> io::Result<u64> {
    // SAFETY: gives a constant that stands for this process.
    created(unsafe { GetCurrentProcess() })
}

fn created(process: HANDLE) -> io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the callers' handle is open, and the system writes into four structures of the right
    // type.
    checked(unsafe { GetProcessTimes(process, created, exited, kernel, user) })?;
    Ok(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

/// The clock of all processes.
pub(super) fn counter() -> Duration {
    let (mut ticks, mut per_second) = (0, 0);
    // SAFETY: both write one number to where they are told.
    unsafe {
        QueryPerformanceCounter(&raw mut ticks);
        QueryPerformanceFrequency(&raw mut per_second);
    }
    let nanoseconds = i128::from(ticks) * 1_000_000_000 / i128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}
