//! Is the lock held, and by whom?
//!
//! Looking must not disturb: an attempt, even of a shared lock, would refuse somebody who polls in that instant. Linux
//! tells from `/proc/locks`. Other systems have no such list; there a shared attempt is made and given back at once.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::claim::Claim;
use super::file::{FileSystem, LockFiles};
use super::{Error, Holder};

/// The state of a lock file.
#[derive(Clone, Debug)]
pub struct Status {
    /// Does anybody hold the lock? From the kernel, never from the text.
    pub locked: bool,
    /// The path of the lock file.
    pub lock_path: PathBuf,
    /// Who holds it; only while it is locked: what a killed process left in the file is nobody's.
    pub holder: Option<Holder>,
}

impl Status {
    pub(super) fn read(claim: &Claim) -> Result<Self, Error> {
        let locked = is_locked(claim)?;
        let holder = if locked { FileSystem.holder(claim).and_then(|text| Holder::parse(&text)) } else { None };
        Ok(Self { locked, lock_path: claim.lock_path.clone(), holder })
    }
}

#[cfg(target_os = "linux")]
fn is_locked(claim: &Claim) -> Result<bool, Error> {
    use rustix::fs::{AtFlags, CWD, StatxFlags};
    use rustix::io::Errno;
    use std::path::Path;

    let path = claim.lock_path.as_path();
    let stat =
        match rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(Error::io("statx", path, errno)),
        };
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| Error::io("read", Path::new(path), error));
    // /proc/locks names a file by the device of its file system, which on btrfs and overlayfs is not the one stat(2)
    // tells; the table of mounts has it.
    let device = device_of_mount(&read("/proc/self/mountinfo")?, stat.stx_mnt_id)
        .unwrap_or((stat.stx_dev_major, stat.stx_dev_minor));
    Ok(lists_flock(&read("/proc/locks")?, device, stat.stx_ino))
}

/// proc(5): `36 35 98:0 /mnt1 /mnt2 …`, the first field being the mount id and the third major:minor.
#[cfg(target_os = "linux")]
fn device_of_mount(mounts: &str, id: u64) -> Option<(u32, u32)> {
    let id = id.to_string();
    let line = mounts.lines().find(|line| line.split(' ').next() == Some(&id))?;
    let (major, minor) = line.split(' ').nth(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// proc(5): `1: FLOCK  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF`, with major and minor in hexadecimal. A waiter's line
/// has `->` behind its number.
#[cfg(target_os = "linux")]
fn lists_flock(locks: &str, (major, minor): (u32, u32), inode: u64) -> bool {
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        fields.next() == Some("FLOCK") && fields.nth(3) == Some(&file)
    })
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "no list of locks to read here; given back at once")]
fn is_locked(claim: &Claim) -> Result<bool, Error> {
    use fs4::{FileExt, TryLockError};

    let path = &claim.lock_path;
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(|error| Error::io("open", path, error))?,
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("flock", path, error)),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_granted_flock_on_this_very_file_counts() {
        let locks = "1: FLOCK  ADVISORY  WRITE 3568 fd:00:42 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 3569 fd:00:43 0 EOF\n\
                     2: POSIX  ADVISORY  READ  3548 fd:00:44 0 0\n";
        assert!(lists_flock(locks, (0xfd, 0), 42));
        assert!(!lists_flock(locks, (0xfd, 0), 43));
        assert!(!lists_flock(locks, (0xfd, 0), 44));
        assert!(!lists_flock(locks, (0xfd, 1), 42));
    }

    #[test]
    fn the_device_of_a_mount_is_read_from_the_table() {
        let mounts = "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw\n360 35 0:41 / /x rw - btrfs /dev/a rw\n";
        assert_eq!(device_of_mount(mounts, 360), Some((0, 41)));
        assert_eq!(device_of_mount(mounts, 3), None);
    }
}
