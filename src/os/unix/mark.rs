//! How one process sees that another one waits for the lock. A process that waits has a *mark*: a
//! shared lock on one byte of `db.lock`, far beyond its end.
//!
//! A mark is a lock of the open file description, `F_OFD_SETLK` of fcntl(2). On the local file
//! systems of Linux, such locks and flock(2) do not see each other. On other file systems they may
//! be the same lock, so there are no marks there. Setting a mark never waits. If it is refused, the
//! process waits without a mark. The kernel removes a mark when its descriptor is closed.

#![forbid(unsafe_code)]

use std::fs::File;

/// Is the file on a file system that only this machine writes to, as far as is known? There waiters can be seen.
pub(super) fn is_local(file: &File) -> bool {
    system::is_local(file)
}

/// Sets or removes the mark of this open file.
pub(super) fn set(file: &File, waiting: bool) {
    system::set(file, waiting);
}

/// Has another open file a mark?
pub(super) fn is_set(file: &File) -> bool {
    system::is_set(file)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{self, c_int, off_t};

    /// Beyond the end of any file.
    const BYTE: off_t = off_t::MAX - 1;

    /// What statfs(2) calls those on which flock(2) is a lock of its own: ext2 to ext4, XFS, Btrfs,
    /// tmpfs, overlayfs, F2FS, ZFS and bcachefs.
    const LOCAL: [u32; 8] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E];

    pub(super) fn is_local(file: &File) -> bool {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the magic numbers have 32 bits")]
        rustix::fs::fstatfs(file).is_ok_and(|stat| LOCAL.contains(&(stat.f_type as u32)))
    }

    pub(super) fn set(file: &File, waiting: bool) {
        let mark = lock(if waiting { libc::F_RDLCK } else { libc::F_UNLCK });
        let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&mark));
    }

    pub(super) fn is_set(file: &File) -> bool {
        // An exclusive lock would be refused by any mark.
        let mut found = lock(libc::F_WRLCK);
        let asked = fcntl(file, FcntlArg::F_OFD_GETLK(&mut found));
        asked.is_ok() && c_int::from(found.l_type) != libc::F_UNLCK
    }

    #[expect(clippy::cast_possible_truncation, reason = "constants of that type, for which C has no other")]
    fn lock(kind: c_int) -> libc::flock {
        libc::flock { l_type: kind as _, l_whence: libc::SEEK_SET as _, l_start: BYTE, l_len: 1, l_pid: 0 }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;

    pub(super) fn is_local(_: &File) -> bool {
        false
    }

    pub(super) fn set(_: &File, _: bool) {}

    pub(super) fn is_set(_: &File) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_mark_is_seen_by_others_until_it_is_removed_or_its_file_closed() -> TestResult {
        let marked = tempfile::NamedTempFile::new_in(".")?;
        let (other, third) = (marked.reopen()?, marked.reopen()?);
        assert!(is_local(&other), "the tests run on a local file system");
        set(marked.as_file(), true);
        assert!(is_set(&other));
        assert!(!is_set(marked.as_file()), "its own is no other's");
        set(&third, true);
        set(marked.as_file(), false);
        assert!(is_set(&other));
        drop(third);
        assert!(!is_set(&other));
        Ok(())
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what is tested is that both kinds of lock go together")]
    fn marks_and_the_lock_do_not_see_each_other() -> TestResult {
        let marked = tempfile::NamedTempFile::new_in(".")?;
        let other = marked.reopen()?;
        set(marked.as_file(), true);
        fs4::FileExt::try_lock(&other)?;
        set(&other, true);
        assert!(is_set(marked.as_file()));
        Ok(())
    }
}
