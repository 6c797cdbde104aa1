//! Seeing that a file is opened: inotify(7), on Linux.

#![forbid(unsafe_code)]

use std::path::Path;

use super::file::Watch;

/// Watches the file at `path`; `None` where that cannot be done, or where there are too many watches.
#[cfg(target_os = "linux")]
pub(super) fn watch(path: &Path) -> Option<Box<dyn Watch>> {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    inotify::add_watch(&inotify, path, WatchFlags::OPEN | WatchFlags::DONT_FOLLOW).ok()?;
    Some(Box::new(Inotify(inotify)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn watch(_: &Path) -> Option<Box<dyn Watch>> {
    None
}

#[cfg(target_os = "linux")]
struct Inotify(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Watch for Inotify {
    fn was_opened(&self) -> bool {
        // Events that are the same come as one, so this is all there is.
        rustix::io::read(&self.0, &mut [0; 512]).is_ok_and(|length| length > 0)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_open_is_seen_once_and_what_is_done_with_an_open_file_is_not() -> std::io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        let watch = watch(file.path()).ok_or_else(|| std::io::Error::other("no inotify"))?;
        assert!(!watch.was_opened());
        let reopened = file.reopen()?;
        assert!(watch.was_opened());
        assert!(!watch.was_opened());
        reopened.set_len(1)?;
        drop(reopened);
        assert!(!watch.was_opened());
        Ok(())
    }
}
