//! The holds of one JavaScript thread, and what happens when the thread ends.
//!
//! JavaScript knows a hold by a number. The guard stays here, so that no garbage collection
//! releases it. When the thread ends, its guards are dropped, its waits are cancelled, and its
//! running work is interrupted. So a hold that a worker thread has taken never outlives that
//! thread.

#![deny(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::end;
use super::interrupts::{Interrupts, call_off_all};
use crate::Database;
use crate::lock::{self, Owner, WriteGuard};
use crate::sqlite::Interrupt;

/// Stands for no hold: the write takes the lock itself.
pub(super) const NO_HOLD: i64 = 0;

thread_local! {
    /// Never dropped with the thread: on the main thread that is within exit(3), where a released
    /// lock would let waits of this very process begin to write. There the kernel frees it.
    static HOLDS: ManuallyDrop<RefCell<HashMap<i64, Hold>>> = ManuallyDrop::default();
    static LAST_HOLD: Cell<i64> = const { Cell::new(NO_HOLD) };
    static OWNER: Owner = {
        static OWNERS: AtomicU64 = AtomicU64::new(1);
        Owner::with_event_loop(OWNERS.fetch_add(1, Ordering::Relaxed))
    };
    static GONE: Arc<AtomicBool> = Arc::default();
}

/// A hold of JavaScript. A transaction that is open under it is rolled back before the lock is
/// free.
struct Hold {
    guard: Arc<WriteGuard>,
    /// The databases that have begun a transaction under it.
    databases: Vec<Arc<Database>>,
    interrupts: Interrupts,
    /// For writes that are still on their way to a thread.
    ended: Arc<AtomicBool>,
}

impl Hold {
    /// A database begins a transaction under it.
    fn note(&mut self, database: &Arc<Database>) {
        if !self.databases.iter().any(|known| Arc::ptr_eq(known, database)) {
            self.databases.push(Arc::clone(database));
        }
    }

    fn end(self) -> Arc<WriteGuard> {
        self.ended.store(true, Ordering::SeqCst);
        self.interrupts.request();
        for database in self.databases {
            database.abandon_idle_transaction(&self.guard);
        }
        self.guard
    }
}

#[napi(module_exports)]
pub fn init(_exports: Object<'_>, env: Env) -> Result<()> {
    env.add_env_cleanup_hook((), |()| {
        gone().store(true, Ordering::SeqCst);
        call_off_all();
        end::unwatch();
        lock::abandon(owner().id);
        // Taken out first: a guard that is dropped while the table is borrowed could not be looked
        // up meanwhile.
        let holds = HOLDS.with(|holds| holds.take());
        for hold in holds.into_values() {
            drop(hold.end());
        }
    })?;
    Ok(())
}

/// Is this the first time that this thread asks?
#[napi(catch_unwind)]
#[must_use]
pub fn is_first_in_thread() -> bool {
    thread_local!(static ASKED: Cell<bool> = const { Cell::new(false) });
    !ASKED.replace(true)
}

/// Is this the main thread of the process? `null` where the system does not tell.
#[napi(catch_unwind)]
#[must_use]
pub fn is_main_thread() -> Option<bool> {
    // A link to `<pid>/task/<tid>`: on Linux, the main thread has the pid of its process. See
    // proc(5).
    let link = fs::read_link("/proc/thread-self").ok()?;
    let mut parts = link.iter();
    Some(parts.next()? == parts.nth(1)?)
}

/// Names this thread as the owner of its waits.
pub(super) fn owner() -> Owner {
    OWNER.with(Owner::clone)
}

/// The event loop of this thread turns.
pub(super) fn beat() {
    OWNER.with(Owner::beat);
}

/// Becomes true when this thread ends, before its waits are called off.
pub(super) fn gone() -> Arc<AtomicBool> {
    GONE.with(Arc::clone)
}

/// Keeps a guard for JavaScript.
pub(super) fn keep(guard: WriteGuard) -> i64 {
    let hold = LAST_HOLD.get() + 1;
    LAST_HOLD.set(hold);
    let kept = Hold {
        guard: Arc::new(guard),
        databases: Vec::new(),
        interrupts: Interrupts::default(),
        ended: Arc::default(),
    };
    HOLDS.with(|holds| holds.borrow_mut().insert(hold, kept));
    hold
}

/// The guard of a hold, for a write under it. The lock is not given back before the write is done.
pub(super) fn guard(hold: i64) -> Option<Arc<WriteGuard>> {
    HOLDS.with(|holds| holds.borrow().get(&hold).map(|hold| Arc::clone(&hold.guard)))
}

/// Becomes true when the hold has ended.
pub(super) fn ended(hold: i64) -> Arc<AtomicBool> {
    HOLDS.with(|holds| holds.borrow().get(&hold).map_or_else(Arc::default, |hold| Arc::clone(&hold.ended)))
}

/// Notes that a transaction of a database does something under a hold, which is called off when the
/// hold ends.
pub(super) fn note(hold: i64, database: &Arc<Database>, interrupt: &Arc<Interrupt>) {
    HOLDS.with(|holds| {
        if let Some(hold) = holds.borrow_mut().get_mut(&hold) {
            hold.interrupts.add(interrupt);
            hold.note(database);
        }
    });
}

/// The same for what this thread does itself. Gives the guard of the hold.
pub(super) fn note_here(hold: i64, database: &Arc<Database>) -> Option<Arc<WriteGuard>> {
    HOLDS.with(|holds| {
        let mut holds = holds.borrow_mut();
        let hold = holds.get_mut(&hold)?;
        hold.note(database);
        Some(Arc::clone(&hold.guard))
    })
}

/// Releases a hold on this thread, at once. Nothing happens when the hold is gone.
pub(super) fn release(hold: i64) -> std::result::Result<(), lock::Error> {
    let hold = HOLDS.with(|holds| holds.borrow_mut().remove(&hold));
    // If a write under the hold still runs, the lock is released when that write drops the guard.
    hold.map(Hold::end).and_then(Arc::into_inner).map_or(Ok(()), WriteGuard::release)
}
