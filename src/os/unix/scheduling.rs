//! How the kernel schedules the waiter thread.

#![allow(unsafe_code)]

/// Lets the calling thread never preempt another one when it is woken: `SCHED_BATCH` of sched(7).
/// An unlock wakes the first of those that wait, also in the midst of a stint. If that one ran at
/// once, in the place of the thread that has just unlocked, it would take the lock each time.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn do_not_preempt() {
    use nix::libc::{SCHED_BATCH, pthread_self, pthread_setschedparam, sched_param};
    // SAFETY: the fields of sched_param are numbers, of which musl has more than glibc. SCHED_BATCH
    // wants a priority of 0.
    let parameters: sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: pthread_self is the calling thread, which lives, and the parameters are only read. A
    // refusal changes nothing.
    unsafe { pthread_setschedparam(pthread_self(), SCHED_BATCH, &raw const parameters) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn do_not_preempt() {}
