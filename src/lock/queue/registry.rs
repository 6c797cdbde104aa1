//! The queues of this process, by the directory of their lock file.
//!
//! An idle queue is kept, and its lock file stays open, because opening costs more than locking. It
//! is not kept for ever, because it needs two descriptors and keeps its file system busy. Idle
//! queues are dropped when a locker or a database is dropped, and when there are many queues.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::{EntryId, Queue};
use crate::lock::Error;
use crate::lock::directory::Directory;
use crate::lock::file::FileSystem;
use crate::os::{self, Identity};

/// With this number of queues, the idle ones are dropped: they are not worth their descriptors.
const MANY: usize = 32;

static QUEUES: LazyLock<Mutex<HashMap<Identity, Arc<Queue>>>> = LazyLock::new(Mutex::default);

fn registry() -> MutexGuard<'static, HashMap<Identity, Arc<Queue>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue of the directory at `path`: the same one for every spelling of it.
///
/// # Errors
/// [`Error::Io`] when there is no directory.
pub(crate) fn queue_of(path: &Path) -> Result<Arc<Queue>, Error> {
    let id = Identity::of_directory(path).map_err(|error| Error::io("stat", path, error))?;
    let mut queues = registry();
    if let Some(queue) = queues.get(&id) {
        return Ok(Arc::clone(queue));
    }
    let directory = Directory::open(path).map_err(|error| Error::io("open", path, error))?;
    // The directory at that path may have been replaced in between.
    if let Some(queue) = queues.get(&directory.id()) {
        return Ok(Arc::clone(queue));
    }
    if queues.len() >= MANY {
        queues.retain(is_used);
    }
    let id = directory.id();
    let queue = Queue::new(Some(directory), Box::new(FileSystem));
    queues.insert(id, Arc::clone(&queue));
    Ok(queue)
}

/// Lets go of what is idle.
pub(crate) fn let_go() {
    let mut queues = registry();
    queues.retain(is_used);
    if os::OPEN_FILES_CANNOT_BE_DELETED {
        // A thread without an entry keeps its queue for a moment. Somebody may want to delete the
        // lock file at once.
        queues.values().for_each(|queue| queue.state().close_idle());
    }
}

/// Guards, waits and threads keep a reference to their queue.
fn is_used(_: &Identity, queue: &mut Arc<Queue>) -> bool {
    Arc::strong_count(queue) > 1
}

/// Cancels every wait of `owner`, a thread of the host that ends.
#[cfg_attr(
    not(any(feature = "node", test)),
    expect(dead_code, reason = "only threads of a host have waits to call off")
)]
pub(crate) fn abandon(owner: u64) {
    let queues: Vec<Arc<Queue>> = registry().values().cloned().collect();
    for queue in queues {
        let ids: Vec<EntryId> =
            queue.state().entries.iter().filter(|(_, entry)| entry.owner.id == owner).map(|(id, _)| *id).collect();
        for id in ids {
            queue.cancel(id);
        }
    }
}
