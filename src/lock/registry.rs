//! The queues of this process, by the directory whose lock file they are for.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(any(feature = "node", test)),
    expect(dead_code, reason = "only threads of a host have waits to call off")
)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::Error;
use super::directory::{Directory, Identity};
use super::entry::EntryId;
use super::file::FileSystem;
use super::queue::Queue;

static QUEUES: LazyLock<Mutex<HashMap<Identity, Weak<Queue>>>> = LazyLock::new(Mutex::default);

fn registry() -> MutexGuard<'static, HashMap<Identity, Weak<Queue>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue of the directory at `path`: the same one for every spelling of it.
///
/// # Errors
/// [`Error::Io`] when there is no directory.
pub(crate) fn queue_of(path: &Path) -> Result<Arc<Queue>, Error> {
    let id = Identity::of_directory(path).map_err(|error| Error::io("stat", path, error))?;
    let mut queues = registry();
    if let Some(queue) = queues.get(&id).and_then(Weak::upgrade) {
        return Ok(queue);
    }
    let directory = Directory::open(path).map_err(|error| Error::io("open", path, error))?;
    // It may be another one than a moment ago.
    if let Some(queue) = queues.get(&directory.id()).and_then(Weak::upgrade) {
        return Ok(queue);
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let id = directory.id();
    let queue = Queue::new(Some(directory), Box::new(FileSystem));
    queues.insert(id, Arc::downgrade(&queue));
    Ok(queue)
}

/// Calls off every wait of `owner`: for a thread of the host that ends.
pub(crate) fn abandon(owner: u64) {
    let queues: Vec<Arc<Queue>> = registry().values().filter_map(Weak::upgrade).collect();
    for queue in queues {
        let ids: Vec<EntryId> =
            queue.state().entries.iter().filter(|entry| entry.owner == owner).map(|entry| entry.id).collect();
        for id in ids {
            queue.cancel(id);
        }
    }
}
