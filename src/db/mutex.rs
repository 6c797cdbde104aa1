//! Locking what the threads of a database share.

#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Locks the mutex. If a thread has panicked with it, the value is still good: SQLite itself does
/// not panic.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same without a wait; `None` while another thread has it.
pub(super) fn try_locked<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
