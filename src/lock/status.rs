//! Is the lock held, and by which process?
//!
//! A look must not disturb anybody. An attempt, even of a shared lock, would refuse a program that
//! polls in that instant. So Linux is asked: `/proc/locks` lists all locks. In a pid namespace of
//! its own, such as a container, a process does not see the locks of processes outside, and a long
//! list can miss one. If the list may be incomplete, and on other systems, a shared attempt is made
//! and given back at once.

#![forbid(unsafe_code)]

use std::fs::File;
use std::path::PathBuf;

use fs4::{FileExt, TryLockError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::claim::Claim;
use super::file::FileSystem;
use super::seam::LockFiles;
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
        let locked = match listed(claim) {
            Some(locked) => locked,
            None => is_refused(claim)?,
        };
        let holder = if locked { FileSystem.holder(claim).and_then(|text| Holder::parse(&text)) } else { None };
        Ok(Self { locked, lock_path: claim.lock_path.clone(), holder })
    }
}

/// Is a shared attempt refused?
#[expect(clippy::disallowed_methods, reason = "made on a file of its own and given back at once")]
fn is_refused(claim: &Claim) -> Result<bool, Error> {
    let path = claim.lock_path.as_path();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        // Missing, a link or a socket: nobody can have locked it.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(false),
        Err(errno) => return Err(Error::io("open", path, errno)),
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("flock", path, error)),
    }
}

#[cfg(not(target_os = "linux"))]
fn listed(_: &Claim) -> Option<bool> {
    None
}

/// What the kernel's list of locks says; `None` when it may not be all there is.
#[cfg(target_os = "linux")]
fn listed(claim: &Claim) -> Option<bool> {
    use rustix::fs::{AtFlags, CWD, StatxFlags};
    let fields = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let stat = match rustix::fs::statx(CWD, &claim.lock_path, AtFlags::SYMLINK_NOFOLLOW, fields) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Some(false),
        // Old kernels and some sandboxes have no statx(2). Where the file itself is the reason, open(2) tells it.
        Err(_) => return None,
    };
    // Without a /proc there is no list.
    let read = |path: &str| std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (mounts, locks) = (read("/proc/self/mountinfo")?, read("/proc/locks")?);
    // /proc/locks names a file by the device of its file system, which on btrfs and overlayfs is not the one stat(2)
    // tells; the table of mounts has it. Before Linux 5.8, statx(2) does not tell the mount.
    let device = device_of_mount(&mounts, stat.stx_mnt_id)?;
    let locked = lists_flock(&locks, device, stat.stx_ino);
    let complete = locks.len() < ONE_READ_BYTES && sees_all_processes();
    (locked || complete).then_some(locked)
}

/// The kernel gives such a file in pieces of a page, and between two of them a lock that comes or goes elsewhere can shift
/// ours out of sight.
#[cfg(target_os = "linux")]
const ONE_READ_BYTES: usize = 4096 - 128;

/// Are we in the pid namespace the system was started with? It has a fixed number, `PROC_PID_INIT_INO`.
#[cfg(target_os = "linux")]
fn sees_all_processes() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name.as_os_str() == "pid:[4026531836]")
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
    fn a_shared_attempt_tells_what_the_list_may_hide() -> Result<(), Error> {
        use crate::lock::WriteLocker;
        let dir = tempfile::tempdir().map_err(|error| Error::io("mkdtemp", "/tmp".as_ref(), error))?;
        let locker = WriteLocker::new(dir.path())?;
        let claim = crate::lock::claim::Claim {
            lock_path: locker.lock_path().to_owned(),
            label: None,
            new_file: crate::lock::claim::NewFile::Mode(0o600),
            of_database: false,
        };
        assert!(!is_refused(&claim)?);
        let guard = locker.acquire(std::time::Duration::ZERO)?;
        assert!(is_refused(&claim)?);
        guard.release()?;
        assert!(!is_refused(&claim)?);
        Ok(())
    }

    #[test]
    fn the_device_of_a_mount_is_read_from_the_table() {
        let mounts = "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw\n360 35 0:41 / /x rw - btrfs /dev/a rw\n";
        assert_eq!(device_of_mount(mounts, 360), Some((0, 41)));
        assert_eq!(device_of_mount(mounts, 3), None);
    }
}
