//! The numbers that Node has for the errors of Windows.

#![forbid(unsafe_code)]

use std::io;

use windows_sys::Win32::Foundation as win32;

/// What libuv calls an error, as a positive number, <https://github.com/libuv/libuv/blob/v1.x/src/win/error.c>. Node has
/// its names and texts by these numbers.
pub(crate) fn errno(error: &io::Error) -> Option<i32> {
    let code = u32::try_from(error.raw_os_error()?).ok()?;
    Some(match code {
        win32::ERROR_ACCESS_DENIED | win32::ERROR_PRIVILEGE_NOT_HELD => EPERM,
        win32::ERROR_BUSY
        | win32::ERROR_LOCK_VIOLATION
        | win32::ERROR_SHARING_VIOLATION
        | win32::ERROR_USER_MAPPED_FILE => EBUSY,
        win32::ERROR_ALREADY_EXISTS | win32::ERROR_FILE_EXISTS => EEXIST,
        win32::ERROR_BAD_PATHNAME
        | win32::ERROR_FILE_NOT_FOUND
        | win32::ERROR_INVALID_DRIVE
        | win32::ERROR_INVALID_NAME
        | win32::ERROR_PATH_NOT_FOUND => ENOENT,
        // libuv has ENOENT here. Ours is given for what is no directory, and for nothing else.
        win32::ERROR_DIRECTORY => ENOTDIR,
        win32::ERROR_INVALID_PARAMETER => EINVAL,
        win32::ERROR_CRC | win32::ERROR_IO_DEVICE | win32::ERROR_GEN_FAILURE => EIO,
        win32::ERROR_CANT_RESOLVE_FILENAME => ELOOP,
        win32::ERROR_TOO_MANY_OPEN_FILES => EMFILE,
        win32::ERROR_BUFFER_OVERFLOW | win32::ERROR_FILENAME_EXCED_RANGE => ENAMETOOLONG,
        win32::ERROR_NOT_ENOUGH_MEMORY | win32::ERROR_OUTOFMEMORY => ENOMEM,
        win32::ERROR_DISK_FULL | win32::ERROR_HANDLE_DISK_FULL => ENOSPC,
        win32::ERROR_NOT_SUPPORTED => ENOTSUP,
        win32::ERROR_NOT_SAME_DEVICE => EXDEV,
        win32::ERROR_WRITE_PROTECT => EROFS,
        _ => UNKNOWN,
    })
}

const EBUSY: i32 = 4082;
const EEXIST: i32 = 4075;
const EINVAL: i32 = 4071;
const EIO: i32 = 4070;
const ELOOP: i32 = 4067;
const EMFILE: i32 = 4066;
const ENAMETOOLONG: i32 = 4064;
const ENOENT: i32 = 4058;
const ENOMEM: i32 = 4057;
const ENOSPC: i32 = 4055;
const ENOTDIR: i32 = 4052;
const ENOTSUP: i32 = 4049;
const EPERM: i32 = 4048;
const EROFS: i32 = 4043;
const EXDEV: i32 = 4037;
const UNKNOWN: i32 = 4094;
