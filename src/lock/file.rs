//! The lock file itself: opening and checking `db.lock`, flock(2), and the holder text in it.
//!
//! Only this module calls the lock of the operating system; `clippy.toml` enforces that. It knows
//! nothing of queues, threads or deadlines. [`super`] describes the order of its steps.

#![forbid(unsafe_code)]

use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use fs4::{FileExt, TryLockError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::claim::{Claim, NewFile};
use super::directory::Identity;
use super::seam::{LockFile, LockFiles, Watch};
use super::{Error, holder, mark, watch};

/// Longest holder text that is read, in bytes: a lock file full of garbage stays a small error message.
const HOLDER_TEXT_MAX_BYTES: u64 = 4096;

/// `O_NONBLOCK`: opening a FIFO must not wait for its other end. `O_NOFOLLOW`: the target of a link is not ours to
/// change. `O_NOCTTY`: a terminal must not become ours. Never `O_TRUNC`: it would erase the text of who holds the lock.
const OPEN_FLAGS: OFlags =
    OFlags::RDWR.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The lock files of the file system.
pub(super) struct FileSystem;

impl LockFiles for FileSystem {
    fn open(&self, claim: &Claim) -> Result<Box<dyn LockFile>, Error> {
        let file = open_or_create(claim)?;
        let metadata = file.metadata().map_err(|error| Error::io("fstat", &claim.lock_path, error))?;
        if !metadata.is_file() {
            return Err(Error::NotRegular { path: claim.lock_path.clone() });
        }
        Ok(Box::new(RegularFile { id: Identity::of(&metadata), marks: mark::are_supported(&file), file }))
    }

    fn current(&self, claim: &Claim) -> Option<Identity> {
        std::fs::symlink_metadata(&claim.lock_path).ok().map(|metadata| Identity::of(&metadata))
    }

    fn holder(&self, claim: &Claim) -> Option<String> {
        let flags = (OPEN_FLAGS - OFlags::RDWR) | OFlags::RDONLY;
        let file = File::from(rustix::fs::open(&claim.lock_path, flags, Mode::empty()).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(HOLDER_TEXT_MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let text = holder::clean(&bytes);
        (!text.is_empty()).then_some(text)
    }

    fn watch(&self, path: &Path) -> Option<Box<dyn Watch>> {
        watch::watch(path)
    }
}

fn open_or_create(claim: &Claim) -> Result<File, Error> {
    let path = claim.lock_path.as_path();
    loop {
        // Without O_CREAT first: with it, fs.protected_regular refuses another user's lock file in a sticky directory.
        match rustix::fs::open(path, OPEN_FLAGS, Mode::empty()) {
            Err(Errno::NOENT) => {}
            opened => return opened.map(File::from).map_err(|errno| open_error(path, errno)),
        }
        let (mode, owner) = attributes(&claim.new_file);
        // O_EXCL does for a new file what the flags above do for one that is there.
        match File::options().read(true).write(true).create_new(true).mode(mode.unwrap_or(0o666)).open(path) {
            // Another process was quicker. Its file is the lock file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("open", path, error)),
            Ok(file) => {
                adjust(&file, mode, owner);
                return Ok(file);
            }
        }
    }
}

/// The errors of open(2) that mean "this is no regular file": ELOOP a symbolic link, EISDIR a directory, ENXIO (on
/// macOS also EOPNOTSUPP) a socket or a device without a driver.
fn open_error(path: &Path, errno: Errno) -> Error {
    match errno {
        Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => {
            Error::NotRegular { path: path.to_owned() }
        }
        _ => Error::io("open", path, errno),
    }
}

/// Permission bits and owner of a new lock file; without a database yet, the umask decides as for any new file.
pub(super) fn attributes(new_file: &NewFile) -> (Option<u32>, Option<(u32, u32)>) {
    match new_file {
        NewFile::Mode(mode) => (Some(*mode), None),
        NewFile::LikeDatabase(database) => match std::fs::metadata(database) {
            Ok(metadata) => (Some(metadata.mode() & 0o777), Some((metadata.uid(), metadata.gid()))),
            Err(_) => (None, None),
        },
    }
}

/// Sets what open(2) could not: the umask has cut the bits, and root's files belong to root.
///
/// As SQLite does for a -wal, it ignores a refusal. Root may lack the capability, as in a container, or the file system may
/// have no owners. The file is usable, and whether another user may use it does not concern this process.
pub(super) fn adjust(file: &File, mode: Option<u32>, owner: Option<(u32, u32)>) {
    // The bits come first: only the owner may set them, unless root has CAP_FOWNER.
    if let Some(mode) = mode {
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }
    if let Some((user, group)) = owner
        && rustix::process::geteuid().is_root()
    {
        let _ = std::os::unix::fs::fchown(file, Some(user), Some(group));
    }
}

/// Takes the lock on a file if it is free; `false` when somebody holds it.
#[expect(clippy::disallowed_methods, reason = "this is the one module that takes the OS lock")]
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    loop {
        match FileExt::try_lock(file) {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// An open regular file.
struct RegularFile {
    file: File,
    id: Identity,
    /// Can those that wait be seen?
    marks: bool,
}

impl LockFile for RegularFile {
    fn id(&self) -> Identity {
        self.id
    }

    fn try_lock(&self) -> io::Result<bool> {
        try_lock(&self.file)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one module that takes the OS lock")]
    fn lock(&self) -> io::Result<()> {
        if self.marks {
            mark::set(&self.file, true);
        }
        let locked = loop {
            // A signal that the runtime handles ends the wait with EINTR; it is no answer.
            match FileExt::lock(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        if self.marks {
            mark::set(&self.file, false);
        }
        locked
    }

    fn is_awaited(&self) -> Option<bool> {
        self.marks.then(|| mark::is_set(&self.file))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one module that gives back the OS lock")]
    fn unlock(&self) -> io::Result<()> {
        FileExt::unlock(&self.file)
    }

    fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    fn announce(&self, text: &str) -> io::Result<()> {
        if self.file.metadata()?.len() > 0 {
            self.clear()?;
        }
        // One pwrite(2), so that no reader sees half of it; no fsync: the flock is the truth, the text is for people.
        self.file.write_all_at(text.as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as StdError;
    use std::path::PathBuf;

    type TestResult = Result<(), Box<dyn StdError>>;

    fn claim(dir: &Path) -> Claim {
        Claim { lock_path: dir.join("db.lock"), label: None, new_file: NewFile::Mode(0o600), of_database: false }
    }

    fn mode_of(path: PathBuf) -> io::Result<u32> {
        Ok(std::fs::metadata(path)?.mode() & 0o777)
    }

    #[test]
    fn two_open_files_exclude_each_other() -> TestResult {
        let dir = tempfile::tempdir()?;
        let first = FileSystem.open(&claim(dir.path()))?;
        let second = FileSystem.open(&claim(dir.path()))?;
        assert!(first.try_lock()?);
        assert!(!second.try_lock()?);
        first.unlock()?;
        assert!(second.try_lock()?);
        Ok(())
    }

    #[test]
    fn a_file_that_was_replaced_is_not_the_current_one() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        let file = FileSystem.open(&claim)?;
        assert_eq!(FileSystem.current(&claim), Some(file.id()));
        std::fs::remove_file(&claim.lock_path)?;
        assert_eq!(FileSystem.current(&claim), None);
        FileSystem.open(&claim)?;
        assert_ne!(FileSystem.current(&claim), Some(file.id()));
        Ok(())
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_left_alone() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        let target = dir.path().join("target");
        std::fs::write(&target, "precious")?;

        std::os::unix::fs::symlink(&target, &claim.lock_path)?;
        assert!(matches!(FileSystem.open(&claim), Err(Error::NotRegular { .. })));
        assert_eq!(std::fs::read_to_string(&target)?, "precious");
        std::fs::remove_file(&claim.lock_path)?;

        std::fs::create_dir(&claim.lock_path)?;
        assert!(matches!(FileSystem.open(&claim), Err(Error::NotRegular { .. })));
        std::fs::remove_dir(&claim.lock_path)?;

        let _listener = std::os::unix::net::UnixListener::bind(&claim.lock_path)?;
        assert!(matches!(FileSystem.open(&claim), Err(Error::NotRegular { .. })));
        assert_eq!(FileSystem.holder(&claim), None);
        Ok(())
    }

    #[test]
    fn a_new_lock_file_has_the_bits_of_the_database() -> TestResult {
        let dir = tempfile::tempdir()?;
        let database = dir.path().join("app.db");
        std::fs::write(&database, "")?;
        std::fs::set_permissions(&database, Permissions::from_mode(0o664))?;
        let like_database = Claim { new_file: NewFile::LikeDatabase(database), ..claim(dir.path()) };
        FileSystem.open(&like_database)?;
        assert_eq!(mode_of(like_database.lock_path)?, 0o664);
        Ok(())
    }

    #[test]
    fn announcing_replaces_a_longer_text() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        std::fs::write(&claim.lock_path, "x".repeat(9000))?;
        let file = FileSystem.open(&claim)?;
        file.announce("pid:1\n")?;
        assert_eq!(std::fs::read_to_string(&claim.lock_path)?, "pid:1\n");
        assert_eq!(FileSystem.holder(&claim).as_deref(), Some("pid:1"));
        file.clear()?;
        assert_eq!(FileSystem.holder(&claim), None);
        Ok(())
    }

    #[test]
    fn a_lock_file_full_of_garbage_gives_a_short_text() -> TestResult {
        let dir = tempfile::tempdir()?;
        let claim = claim(dir.path());
        std::fs::write(&claim.lock_path, vec![0xFF; 10 << 20])?;
        let text = FileSystem.holder(&claim).ok_or("a text")?;
        assert!(text.chars().count() <= 4096);
        Ok(())
    }
}
