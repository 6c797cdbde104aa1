//! When this process leaves the lock to others, although the lock is free.
//!
//! flock(2) has no order among processes. A process that unlocks and locks again at once is ahead
//! of every process that the kernel has to wake first. That is fast, because a wake-up takes as
//! long as many a hold, and it is unfair. So a process may take the lock again and again for a
//! *stint*. When the stint is over and another process waits, this process leaves the lock alone
//! for as long as the kernel needs to wake the other one. For programs that poll there are
//! [windows](super::pollers).

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use super::pollers::Pollers;
use crate::os::LockFile;

/// How long a process may go on taking the lock while others wait. Sixteen of them in turn keep nobody waiting for 100 ms; with
/// 2 ms some waited for 146.
const STINT: Duration = Duration::from_millis(1);
/// How long it then leaves the lock alone. The kernel takes about 30 us to wake a thread.
const STAND_BACK: Duration = Duration::from_micros(100);
/// Who has left the lock alone for so long has begun anew.
const IDLE: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Courtesy {
    /// When the stint began, and when its last hold has ended.
    stint: Option<Instant>,
    last_end: Option<Instant>,
    /// Did it begin with a wait? Where waiting processes cannot be seen, that says that others want the lock too.
    waited: bool,
    back_until: Option<Instant>,
    pub(super) pollers: Pollers,
}

impl Courtesy {
    /// The lock was granted, after a wait in the kernel or at once.
    pub(super) fn granted(&mut self, now: Instant, waited: bool) {
        let idle = self.last_end.is_none_or(|end| now - end > IDLE);
        if waited || idle || self.stint.is_none() {
            self.stint = Some(now);
            self.waited = waited;
        }
        self.back_until = None;
    }

    /// The lock was given back. Tells whether that was the end of a stint.
    pub(super) fn released(&mut self, now: Instant, file: &dyn LockFile) -> bool {
        self.last_end = Some(now);
        let over = self.stint.is_some() && self.is_over(now);
        if over {
            self.stint = None;
            self.back_until = file.is_awaited().unwrap_or(self.waited).then_some(now + STAND_BACK);
        }
        over
    }

    /// Is the stint over?
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.stint.is_none_or(|began| now - began >= STINT)
    }

    /// May the next call of this process get the lock before it is given back? If the stint is over
    /// and nobody else waits, a new one begins.
    pub(super) fn goes_on(&mut self, now: Instant, file: &dyn LockFile) -> bool {
        self.last_end = Some(now);
        if self.is_over(now) {
            if file.is_awaited() != Some(false) {
                return false;
            }
            self.stint = Some(now);
        }
        self.pollers.window(now).is_none()
    }

    /// How long to leave the lock to others from now on.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let back = self.back_until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero());
        back.max(self.pollers.window(now))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::os::Identity;

    /// A lock file of which only the waiters are known.
    struct Awaited(Option<bool>);

    impl LockFile for Awaited {
        fn id(&self) -> Identity {
            Identity::fake(0)
        }
        fn try_lock(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn lock(&self) -> io::Result<()> {
            Ok(())
        }
        fn is_awaited(&self) -> Option<bool> {
            self.0
        }
        fn unlock(&self) -> io::Result<()> {
            Ok(())
        }
        fn clear(&self) -> io::Result<()> {
            Ok(())
        }
        fn announce(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
    }

    const HOLD: Duration = Duration::from_micros(200);

    /// Takes the lock again and again, each time for [`HOLD`], until that is not polite; returns for how long.
    fn hold_on(courtesy: &mut Courtesy, mut now: Instant, waited: bool, file: &Awaited) -> Duration {
        let (began, mut waited) = (now, waited);
        while courtesy.pause(now).is_none() && now - began < 10 * STINT {
            courtesy.granted(now, std::mem::take(&mut waited));
            now += HOLD;
            courtesy.released(now, file);
        }
        now - began
    }

    #[test]
    fn a_process_stands_back_for_one_that_waits_when_its_stint_is_over() {
        let (mut courtesy, now) = (Courtesy::default(), Instant::now());
        assert_eq!(hold_on(&mut courtesy, now, false, &Awaited(Some(true))), STINT);
        let later = now + STINT + STAND_BACK;
        assert_eq!(courtesy.pause(later), None);
        assert_eq!(hold_on(&mut courtesy, later, false, &Awaited(Some(true))), STINT);
    }

    #[test]
    fn the_lock_is_passed_on_for_a_stint_and_for_longer_only_if_nobody_else_waits() {
        let (began, end) = (Instant::now(), STINT + HOLD);
        for (awaited, passed_on) in [(Some(true), STINT), (None, STINT), (Some(false), end)] {
            let (mut courtesy, mut now) = (Courtesy::default(), began);
            courtesy.granted(now, true);
            while now - began < end && courtesy.goes_on(now, &Awaited(awaited)) {
                courtesy.granted(now, false);
                now += HOLD;
            }
            assert_eq!(now - began, passed_on, "{awaited:?}");
        }
    }

    #[test]
    fn nobody_stands_back_for_nobody() {
        assert_eq!(hold_on(&mut Courtesy::default(), Instant::now(), true, &Awaited(Some(false))), 10 * STINT);
    }

    #[test]
    fn where_those_that_wait_cannot_be_seen_one_that_has_waited_stands_back() {
        let now = Instant::now();
        assert_eq!(hold_on(&mut Courtesy::default(), now, true, &Awaited(None)), STINT);
        assert_eq!(hold_on(&mut Courtesy::default(), now, false, &Awaited(None)), 10 * STINT);
    }

    #[test]
    fn a_stint_begins_anew_after_a_wait_and_after_a_time_without_the_lock() {
        let file = Awaited(Some(true));
        for (waited, gap) in [(true, Duration::ZERO), (false, 2 * IDLE)] {
            let (mut courtesy, now) = (Courtesy::default(), Instant::now());
            courtesy.granted(now, false);
            let end = now + STINT / 2;
            courtesy.released(end, &file);
            assert_eq!(hold_on(&mut courtesy, end + gap, waited, &file), STINT);
        }
    }
}
