//! Opening, making and naming files.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::os::{Access, Entry};

/// `O_NONBLOCK`: opening a FIFO must not wait for its other end. `O_NOFOLLOW`: the target of a link
/// is not ours to change. `O_NOCTTY`: a terminal must not become ours. Never `O_TRUNC`: it would
/// erase the text of who holds the lock.
const OPEN_FLAGS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Does an open lock file keep others from deleting it?
pub(crate) const OPEN_FILES_CANNOT_BE_DELETED: bool = false;

/// Opens the regular file at `path`, which is not made if it is missing.
///
/// # Errors
/// The errno of open(2) or fstat(2), but for those that mean "this is no regular file": ELOOP a
/// symbolic link, EISDIR a directory, ENXIO (on macOS also EOPNOTSUPP) a socket or a device without
/// a driver.
pub(crate) fn open(path: &Path, access: Access) -> io::Result<Entry> {
    let access = if access == Access::Write { OFlags::RDWR } else { OFlags::RDONLY };
    match rustix::fs::open(path, OPEN_FLAGS | access, Mode::empty()) {
        Ok(descriptor) => {
            let file = File::from(descriptor);
            Ok(if file.metadata()?.is_file() { Entry::Regular(file) } else { Entry::Other })
        }
        Err(Errno::NOENT) => Ok(Entry::Missing),
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP) => Ok(Entry::Other),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the file at `path`, to lock it and to write to it. `O_EXCL` does for a new file what
/// `OPEN_FLAGS` do for one that is there.
///
/// # Errors
/// The errno of open(2).
pub(crate) fn create(path: &Path, attributes: Attributes) -> io::Result<File> {
    let mode = attributes.mode.unwrap_or(0o666);
    let file = File::options().read(true).write(true).create_new(true).mode(mode).open(path)?;
    attributes.adjust(&file);
    Ok(file)
}

/// Permission bits and owner of a new file; without them, the umask decides as for any new file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
}

impl Attributes {
    /// Exactly these bits, whatever the umask.
    pub(crate) fn with_mode(mode: u32) -> Self {
        Self { mode: Some(mode), owner: None }
    }

    /// Those of the file at `path`, if there is one.
    pub(crate) fn like(path: &Path) -> Self {
        std::fs::metadata(path).map_or_else(
            |_| Self::default(),
            |found| Self { mode: Some(found.mode() & 0o777), owner: Some((found.uid(), found.gid())) },
        )
    }

    /// Sets what open(2) could not: the umask has cut the bits, and root's files belong to root.
    ///
    /// As SQLite does for a -wal, it ignores a refusal. Root may lack the capability, as in a
    /// container, or the file system may have no owners. The file is usable, and whether another
    /// user may use it does not concern this process.
    fn adjust(self, file: &File) {
        // The bits come first: only the owner may set them, unless root has CAP_FOWNER.
        if let Some(mode) = self.mode {
            let _ = file.set_permissions(Permissions::from_mode(mode));
        }
        if let Some((user, group)) = self.owner
            && rustix::process::geteuid().is_root()
        {
            let _ = std::os::unix::fs::fchown(file, Some(user), Some(group));
        }
    }
}

/// Opens a directory, only to pin its inode number: it cannot be given to another directory
/// meanwhile.
///
/// # Errors
/// The errno of open(2).
pub(crate) fn pin_directory(path: &Path) -> io::Result<File> {
    // `O_PATH` needs no read permission on the directory: a process that may only pass through it
    // has none.
    #[cfg(target_os = "linux")]
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Writes all of `bytes` in one pwrite(2), so that no reader sees half of a short text.
///
/// # Errors
/// The errno of pwrite(2).
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Puts the file at `from` in the place of what is at `to`.
///
/// # Errors
/// The errno of rename(2).
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// The beginning of a file's name, of at most so many bytes. It cuts no character of UTF-8, since
/// some file systems refuse half of one.
pub(crate) fn shortened(name: &OsStr, longest: usize) -> OsString {
    let bytes = name.as_bytes();
    let is_boundary = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let longest = bytes.len().min(longest);
    // A character has at most 4 bytes. In a name that is no UTF-8 there may be no boundary.
    let kept = (longest.saturating_sub(3)..=longest).rev().find(is_boundary).unwrap_or(longest);
    OsStr::from_bytes(&bytes[..kept]).to_owned()
}

/// The number by which Node has a name and a text for an error.
#[cfg(feature = "node")]
pub(crate) fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error()
}

/// The errno of what is in use.
pub(crate) fn busy() -> io::Error {
    Errno::BUSY.into()
}

/// The errno of a file that others replace again and again.
pub(crate) fn stale() -> io::Error {
    Errno::STALE.into()
}

/// A symbolic link to a file or a directory, for tests.
#[cfg(test)]
pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn mode_of(path: PathBuf) -> io::Result<u32> {
        Ok(std::fs::metadata(path)?.mode() & 0o777)
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened_and_left_alone() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (target, place) = (dir.path().join("target"), dir.path().join("place"));
        std::fs::write(&target, "precious")?;
        let is_refused =
            || [Access::Read, Access::Write].iter().all(|access| matches!(open(&place, *access), Ok(Entry::Other)));
        assert!(matches!(open(&place, Access::Write), Ok(Entry::Missing)));

        symlink(&target, &place)?;
        assert!(is_refused());
        assert_eq!(std::fs::read_to_string(&target)?, "precious");
        std::fs::remove_file(&place)?;

        std::fs::create_dir(&place)?;
        assert!(is_refused());
        std::fs::remove_dir(&place)?;

        let _listener = std::os::unix::net::UnixListener::bind(&place)?;
        assert!(is_refused());
        Ok(())
    }

    #[test]
    fn a_new_file_has_the_bits_of_its_model_whatever_the_umask() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (model, place) = (dir.path().join("app.db"), dir.path().join("db.lock"));
        std::fs::write(&model, "")?;
        std::fs::set_permissions(&model, Permissions::from_mode(0o664))?;
        create(&place, Attributes::like(&model))?;
        assert_eq!(mode_of(place)?, 0o664);
        Ok(())
    }

    #[test]
    fn a_name_is_cut_between_characters_unless_it_has_none() {
        for letter in ["a", "é", "€", "😀"] {
            for shift in 0..4 {
                let name = format!("{}{}", &"xxx"[..shift], letter.repeat(100));
                let kept = shortened(OsStr::new(&name), 100);
                assert!(kept.to_str().is_some_and(|kept| name.starts_with(kept) && kept.len() > 96), "{name}");
            }
        }
        assert_eq!(shortened(OsStr::from_bytes(&[0xBF; 255]), 100), OsStr::from_bytes(&[0xBF; 100]));
        assert_eq!(shortened(OsStr::new("short"), 100), "short");
    }
}
