//! The kernel's list of locks, `/proc/locks`.
//!
//! It hides from a process in a pid namespace of its own, a container, the locks of those outside,
//! and a long list can miss one.

#![forbid(unsafe_code)]

use std::path::Path;

#[cfg(not(target_os = "linux"))]
pub(super) fn listed(_: &Path) -> Option<bool> {
    None
}

/// What the kernel's list of locks says; `None` when it may not be all there is.
#[cfg(target_os = "linux")]
pub(super) fn listed(path: &Path) -> Option<bool> {
    use rustix::fs::{AtFlags, CWD, StatxFlags};
    use rustix::io::Errno;

    let fields = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let stat = match rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, fields) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Some(false),
        // Old kernels and some sandboxes have no statx(2). Where the file itself is the reason,
        // open(2) tells it.
        Err(_) => return None,
    };
    // Without a /proc there is no list.
    let read = |path: &str| std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (mounts, locks) = (read("/proc/self/mountinfo")?, read("/proc/locks")?);
    // /proc/locks names a file by the device of its file system, which on btrfs and overlayfs is
    // not the one stat(2) tells; the table of mounts has it. Before Linux 5.8, statx(2) does not
    // tell the mount.
    let device = device_of_mount(&mounts, stat.stx_mnt_id)?;
    let locked = lists_flock(&locks, device, stat.stx_ino);
    let complete = locks.len() < ONE_READ_BYTES && sees_all_processes();
    (locked || complete).then_some(locked)
}

/// The kernel gives such a file in pieces of a page, and between two of them a lock that comes or
/// goes elsewhere can shift ours out of sight.
#[cfg(target_os = "linux")]
const ONE_READ_BYTES: usize = 4096 - 128;

/// Are we in the pid namespace the system was started with? It has a fixed number,
/// `PROC_PID_INIT_INO`.
#[cfg(target_os = "linux")]
fn sees_all_processes() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name.as_os_str() == "pid:[4026531836]")
}

/// proc(5): `36 35 98:0 /mnt1 /mnt2 …`, the first field being the mount id and the third
/// major:minor.
#[cfg(target_os = "linux")]
fn device_of_mount(mounts: &str, id: u64) -> Option<(u32, u32)> {
    let id = id.to_string();
    let line = mounts.lines().find(|line| line.split(' ').next() == Some(&id))?;
    let (major, minor) = line.split(' ').nth(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// proc(5): `1: FLOCK  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF`, with major and minor in
/// hexadecimal. A waiter's line has `->` behind its number.
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
    fn the_device_of_a_mount_is_read_from_the_table() {
        let mounts = "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw\n360 35 0:41 / /x rw - btrfs /dev/a rw\n";
        assert_eq!(device_of_mount(mounts, 360), Some((0, 41)));
        assert_eq!(device_of_mount(mounts, 3), None);
    }
}
