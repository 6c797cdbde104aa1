//! Hearing that files of a directory are written to: inotify(7), on Linux.
//!
//! The directory is watched, and not its files. So a file that is removed and made again is never missed, and no
//! descriptor of a file is opened: closing one would drop the locks that SQLite has on that file.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::Path;

use crate::os::Listener;

/// Listens to directories, each for the names that `is_of_interest`; `None` where events do not tell of all writes, or
/// where there are too many watches.
#[cfg(target_os = "linux")]
pub(crate) fn listen(
    directories: &[&Path],
    is_of_interest: impl Fn(&OsStr) -> bool + Send + Sync + 'static,
) -> Option<Box<dyn Listener>> {
    linux::Inotify::open(directories, Box::new(is_of_interest)).map(|listener| Box::new(listener) as _)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn listen(_: &[&Path], _: impl Fn(&OsStr) -> bool) -> Option<Box<dyn Listener>> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    use super::super::mark;
    use crate::os::Listener;

    pub(super) struct Inotify {
        events: OwnedFd,
        /// Readable when the thread is to wake up.
        bell: OwnedFd,
        is_of_interest: Box<dyn Fn(&OsStr) -> bool + Send + Sync>,
    }

    impl Inotify {
        pub(super) fn open(
            directories: &[&Path],
            is_of_interest: Box<dyn Fn(&OsStr) -> bool + Send + Sync>,
        ) -> Option<Self> {
            let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            let events = WatchFlags::MODIFY
                | WatchFlags::CLOSE
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE
                | WatchFlags::ONLYDIR;
            for directory in directories {
                // What another machine writes causes no event here.
                if !mark::is_local(&File::open(directory).ok()?) {
                    return None;
                }
                inotify::add_watch(&inotify, *directory, events).ok()?;
            }
            let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
            Some(Self { events: inotify, bell, is_of_interest })
        }

        /// Takes the events that have come. True if one is of interest, or if there were more than the kernel keeps.
        fn take_events(&self) -> bool {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&self.events, &mut buffer);
            let mut heard = false;
            while let Ok(event) = reader.next() {
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                heard |= event.events().contains(ReadFlags::QUEUE_OVERFLOW)
                    || name.is_some_and(|name| (self.is_of_interest)(name));
            }
            heard
        }
    }

    impl Listener for Inotify {
        fn wait(&self, timeout: Option<Duration>) -> bool {
            let mut descriptors = [PollFd::new(&self.events, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
            wait_for(&mut descriptors, timeout);
            self.silence();
            self.take_events()
        }

        fn rest(&self, timeout: Option<Duration>) -> bool {
            wait_for(&mut [PollFd::new(&self.bell, PollFlags::IN)], timeout);
            self.silence()
        }

        fn wake(&self) {
            // It fails only when the thread has been woken 2^64 - 2 times and not heard it once.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }

    impl Inotify {
        /// True when the bell has rung.
        fn silence(&self) -> bool {
            rustix::io::read(&self.bell, &mut [0; 8]).is_ok()
        }
    }

    fn wait_for(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        // A signal ends it early, which looks like the end of the time.
        let _ = poll(descriptors, timeout.as_ref());
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;
    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    fn listener(directory: &Path) -> Result<Box<dyn Listener>, &'static str> {
        listen(&[directory], |name| name == "a").ok_or("no inotify")
    }

    #[test]
    fn writing_making_and_removing_a_file_of_interest_is_heard_and_others_are_not() -> TestResult {
        let dir = tempfile::tempdir()?;
        let listener = listener(dir.path())?;
        let path = dir.path().join("a");
        assert!(!listener.wait(AT_ONCE));
        fs::write(&path, "1")?;
        assert!(listener.wait(AT_ONCE));
        assert!(!listener.wait(AT_ONCE));
        fs::write(dir.path().join("ab"), "1")?;
        assert!(!listener.wait(AT_ONCE));
        fs::remove_file(&path)?;
        assert!(listener.wait(AT_ONCE));
        // Made again, it is the same name.
        fs::write(&path, "2")?;
        assert!(listener.wait(AT_ONCE));
        drop(fs::File::open(&path)?);
        assert!(listener.wait(AT_ONCE));
        Ok(())
    }

    #[test]
    fn a_rest_keeps_the_events_and_ends_when_it_is_woken() -> TestResult {
        let dir = tempfile::tempdir()?;
        let listener = listener(dir.path())?;
        fs::write(dir.path().join("a"), "1")?;
        assert!(!listener.rest(AT_ONCE));
        assert!(listener.wait(None));
        std::thread::scope(|scope| {
            scope.spawn(|| listener.wake());
            assert!(listener.rest(None));
        });
        listener.wake();
        assert!(!listener.wait(None));
        Ok(())
    }

    #[test]
    fn more_events_than_the_kernel_keeps_are_heard() -> TestResult {
        let dir = tempfile::tempdir()?;
        let listener = listener(dir.path())?;
        let path = dir.path().join("b");
        let most: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")?.trim().parse()?;
        for _ in 0..most {
            fs::write(&path, "1")?;
        }
        assert!(listener.wait(AT_ONCE));
        Ok(())
    }
}
