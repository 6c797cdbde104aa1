//! Seeing that a file is opened and closed: inotify(7), on Linux.

#![forbid(unsafe_code)]

use std::path::Path;

#[cfg(target_os = "linux")]
use crate::os::Event;
use crate::os::Watch;

/// Watches the file at `path`; `None` where that cannot be done, or where there are too many
/// watches.
#[cfg(target_os = "linux")]
pub(crate) fn watch(path: &Path) -> Option<Box<dyn Watch>> {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    // IN_ATTRIB is the signal.
    let events = WatchFlags::OPEN | WatchFlags::CLOSE | WatchFlags::ATTRIB | WatchFlags::DONT_FOLLOW;
    inotify::add_watch(&inotify, path, events).ok()?;
    Some(Box::new(Inotify { inotify, path: path.to_owned() }))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn watch(_: &Path) -> Option<Box<dyn Watch>> {
    None
}

#[cfg(target_os = "linux")]
struct Inotify {
    inotify: rustix::fd::OwnedFd,
    path: std::path::PathBuf,
}

#[cfg(target_os = "linux")]
impl Watch for Inotify {
    fn look(&self, tell: &mut dyn FnMut(Event)) {
        let mut buffer = [0; 64 * EVENT_BYTES];
        // A read gives as many events as fit. If the buffer is not full, there are no more.
        while let Ok(length) = rustix::io::read(&self.inotify, &mut buffer) {
            buffer[..length].chunks_exact(EVENT_BYTES).filter_map(event).for_each(&mut *tell);
            if length < buffer.len() {
                break;
            }
        }
    }

    fn signal(&self) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW};
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        // If it is refused, the other processes learn of the program when they hold the lock.
        let _ = rustix::fs::utimensat(CWD, &self.path, &times, AtFlags::SYMLINK_NOFOLLOW);
    }
}

/// The size of `struct inotify_event` for a watched file, which has no name behind it.
#[cfg(target_os = "linux")]
const EVENT_BYTES: usize = 16;

/// One event as the kernel gives it: its mask is the second of four fields of 32 bits.
#[cfg(target_os = "linux")]
fn event(bytes: &[u8]) -> Option<Event> {
    use rustix::fs::inotify::ReadFlags;
    let mask = ReadFlags::from_bits_retain(u32::from_ne_bytes(bytes.get(4..8)?.try_into().ok()?));
    [
        (ReadFlags::OPEN, Event::Open),
        (ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE, Event::Close),
        (ReadFlags::ATTRIB, Event::Signal),
    ]
    .into_iter()
    .find_map(|(flags, event)| mask.intersects(flags).then_some(event))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn watched(file: &tempfile::NamedTempFile) -> Result<Box<dyn Watch>, &'static str> {
        watch(file.path()).ok_or("no inotify")
    }

    fn seen_by(watch: &dyn Watch) -> Vec<Event> {
        let mut events = Vec::new();
        watch.look(&mut |event| events.push(event));
        events
    }

    #[test]
    fn an_open_and_a_close_are_seen_once_and_what_is_done_with_an_open_file_is_not() -> TestResult {
        let file = tempfile::NamedTempFile::new()?;
        let watch = watched(&file)?;
        assert_eq!(seen_by(&*watch), []);
        let reopened = file.reopen()?;
        assert_eq!(seen_by(&*watch), [Event::Open]);
        reopened.set_len(1)?;
        assert_eq!(seen_by(&*watch), []);
        drop(reopened);
        assert_eq!(seen_by(&*watch), [Event::Close]);
        drop(std::fs::File::open(file.path())?);
        assert_eq!(seen_by(&*watch), [Event::Open, Event::Close]);
        Ok(())
    }

    #[test]
    fn one_look_sees_more_events_than_fit_into_the_buffer() -> TestResult {
        let file = tempfile::NamedTempFile::new()?;
        let watch = watched(&file)?;
        for _ in 0..100 {
            file.reopen()?;
        }
        assert_eq!(seen_by(&*watch), [Event::Open, Event::Close].repeat(100));
        assert_eq!(seen_by(&*watch), []);
        Ok(())
    }

    #[test]
    fn a_signal_reaches_every_watch_of_the_file() -> TestResult {
        let file = tempfile::NamedTempFile::new()?;
        let (one, other) = (watched(&file)?, watched(&file)?);
        one.signal();
        for watch in [one, other] {
            assert_eq!(seen_by(&*watch), [Event::Signal]);
        }
        Ok(())
    }
}
