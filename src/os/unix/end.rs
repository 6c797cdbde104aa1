//! A socket that is closed with a thread of JavaScript.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::net::Shutdown;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Our end of the socket.
pub(crate) struct End {
    ours: Arc<UnixStream>,
    /// The other end, until JavaScript has a handle that closes it: its descriptor and inode.
    given: Option<(RawFd, u64)>,
}

impl End {
    /// Makes a socket. Gives our end of it, what waits until the other end is closed, and the
    /// descriptor of the other end, which is given away.
    ///
    /// # Errors
    /// The call that failed, and its errno.
    pub(crate) fn open() -> Result<(Self, impl FnOnce() + Send + 'static, i32), (&'static str, io::Error)> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| ("socketpair", error))?;
        let (ours, theirs) = (Arc::new(ours), File::from(OwnedFd::from(theirs)));
        let inode = theirs.metadata().map_err(|error| ("fstat", error))?.ino();
        let end = Arc::clone(&ours);
        let wait = move || {
            // Nothing is ever sent, so this is the end.
            let _ = (&*end).read(&mut [0]);
        };
        let descriptor = theirs.into_raw_fd();
        Ok((Self { ours, given: Some((descriptor, inode)) }, wait, descriptor))
    }

    /// A handle closes the descriptor from now on.
    pub(crate) fn has_handle(&mut self) {
        self.given = None;
    }
}

impl Drop for End {
    /// Ends the wait. A worker may be terminated before there was a handle for its descriptor.
    fn drop(&mut self) {
        if let Some((descriptor, inode)) = self.given {
            close(descriptor, inode);
        }
        let _ = self.ours.shutdown(Shutdown::Both);
    }
}

/// Closes a descriptor if it is still that of this inode.
fn close(descriptor: RawFd, inode: u64) {
    // SAFETY: nothing is read or written by it, and it is not closed unless it is still the socket
    // that was made here. That one nobody else closes: the handles of the thread are gone.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    if file.metadata().is_ok_and(|found| found.ino() == inode) {
        drop(ManuallyDrop::into_inner(file));
    }
}
