//! The interrupts of all work that a thread or a hold has under way.

#![deny(unsafe_code)]

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use napi_derive::napi;

use crate::sqlite::Interrupt;

/// Interrupts of work that may have ended meanwhile.
#[derive(Default)]
pub(super) struct Interrupts(Mutex<Vec<Weak<Interrupt>>>);

impl Interrupts {
    /// Adds one for as long as its work holds on to it.
    pub(super) fn add(&self, interrupt: &Arc<Interrupt>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == known.capacity() {
            known.retain(|interrupt| interrupt.strong_count() > 0);
            // So that the next look is as far away as there are entries to look at.
            let room = known.len() + 16;
            known.reserve(room);
        }
        known.push(Arc::downgrade(interrupt));
    }

    /// Calls off all of it.
    pub(super) fn request(&self) {
        let known = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        known.iter().filter_map(Weak::upgrade).for_each(|interrupt| interrupt.request());
    }
}

thread_local! {
    /// What this thread has under way. The one that watches for its end has it too. Never dropped
    /// with the thread.
    static RUNNING: ManuallyDrop<Arc<Interrupts>> = ManuallyDrop::default();
}

/// What calls off work of this thread. Where the thread ends, the work is called off.
pub(super) fn interrupt() -> Arc<Interrupt> {
    let interrupt = Arc::default();
    RUNNING.with(|running| running.add(&interrupt));
    interrupt
}

/// What this thread has under way.
pub(super) fn running() -> Arc<Interrupts> {
    RUNNING.with(|running| Arc::clone(running))
}

/// Calls off all that this thread has under way. What a worker of libuv runs is waited for by the
/// end of the process.
#[napi(catch_unwind)]
pub fn call_off_all() {
    RUNNING.with(|running| running.request());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_has_ended_takes_no_room_for_long() {
        let (interrupts, running) = (Interrupts::default(), Arc::<Interrupt>::default());
        interrupts.add(&running);
        for _ in 0..10_000 {
            interrupts.add(&Arc::default());
        }
        assert!(interrupts.0.lock().unwrap_or_else(PoisonError::into_inner).capacity() < 100);
        interrupts.request();
        assert!(running.is_requested());
    }
}
