//! Programs that poll for the lock, and when it is left free for them.
//!
//! Who tries, sleeps and tries again has no place among those that the kernel wakes, and finds the lock free by luck only where
//! processes of ours hand it on all the time. But it can be seen: it opens `db.lock` for each attempt, while ours keep it open.
//! As long as such a program is about, none of ours begins a hold in certain windows of time: the same for all, since they go
//! by one clock, and irregular, since sleeps are regular.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use super::directory::Identity;
use super::file::{LockFiles, Watch};

/// For so long after its last attempt one that polls is expected to come again. The longest of their sleeps is 50 ms.
const ABOUT: Duration = Duration::from_millis(110);
/// Two attempts of one that polls are further apart. Ours open the file only at their start, and then maybe twice.
const APART: Duration = Duration::from_millis(4);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How long a window is, and how many of 256 are open. One that makes 13 attempts in 500 ms then misses all that are once in
/// 700 times.
const WINDOW: Duration = Duration::from_micros(3200);
const OPEN: u64 = 102;

#[derive(Default)]
pub(super) struct Pollers {
    watch: Option<(Identity, Box<dyn Watch>)>,
    looked: Option<Instant>,
    /// The last attempt.
    seen: Option<Instant>,
    about_until: Option<Instant>,
}

impl Pollers {
    /// Begins to look out for them, unless that was done.
    pub(super) fn look_out(&mut self, file: Identity, files: &dyn LockFiles, path: &Path) {
        if self.watch.as_ref().is_none_or(|(watched, _)| *watched != file) {
            self.watch = files.watch(path).map(|watch| (file, watch));
        }
    }

    /// How long the window stays open that is open now.
    pub(super) fn window(&mut self, now: Instant) -> Option<Duration> {
        if self.are_about(now) { open_window(clock()) } else { None }
    }

    /// How long it is until the next window opens.
    pub(super) fn next_window(&mut self, now: Instant) -> Option<Duration> {
        if self.are_about(now) { Some(next_window(clock())) } else { None }
    }

    fn are_about(&mut self, now: Instant) -> bool {
        self.look(now);
        self.about_until.is_some_and(|until| now < until)
    }

    fn look(&mut self, now: Instant) {
        let Some((_, watch)) = &self.watch else { return };
        if self.looked.is_some_and(|looked| now - looked < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        let since = self.seen.map(|seen| now - seen);
        if watch.was_opened() && since.is_none_or(|since| since >= APART) {
            self.seen = Some(now);
            if since.is_some_and(|since| since <= ABOUT) {
                self.about_until = Some(now + ABOUT);
            }
        }
    }
}

/// The clock of all processes, `CLOCK_MONOTONIC`.
fn clock() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic)).unwrap_or_default()
}

/// What is left at that time of the window that is open then.
fn open_window(clock: Duration) -> Option<Duration> {
    let (window, left) = window_at(clock);
    is_open(window).then_some(left)
}

/// How long it is at that time until the next window opens.
fn next_window(clock: Duration) -> Duration {
    let (window, left) = window_at(clock);
    let closed = (window + 1..=window + 64).take_while(|window| !is_open(*window)).count();
    left + WINDOW * u32::try_from(closed).unwrap_or_default()
}

/// The number of a window, and what is left of it.
fn window_at(clock: Duration) -> (u64, Duration) {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (clock, window) = (nanoseconds(clock), nanoseconds(WINDOW));
    (clock / window, Duration::from_nanos(window - clock % window))
}

fn is_open(window: u64) -> bool {
    mix(window) % 256 < OPEN
}

/// A number without a pattern for each number, the same in every process: the finalizer of `SplitMix64`.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_for_their_share_of_the_time_whatever_the_steps() {
        let steps = 100_000_u32;
        for step in [Duration::from_micros(97), WINDOW, Duration::from_millis(50)] {
            let open = (0..steps).filter(|n| open_window(step * *n).is_some()).count() as u64;
            assert!((open * 256).abs_diff(u64::from(steps) * OPEN) < u64::from(steps) * 256 / 100, "{step:?}: {open}");
        }
    }

    #[test]
    fn the_next_window_is_the_first_that_is_open() {
        for step in 1..10_000 {
            let now = Duration::from_micros(777) * step;
            let wait = next_window(now);
            assert!(open_window(now + wait).is_some());
            let mut between = now + open_window(now).unwrap_or_default();
            while between < now + wait {
                assert!(open_window(between).is_none());
                between += WINDOW / 2;
            }
        }
    }

    #[test]
    fn one_that_polls_meets_a_window_before_it_gives_up() {
        let sleeps = [0, 5, 10, 20, 40, 50, 50, 50, 50, 50, 50, 50, 50];
        let starts = 20_000_u32;
        let missed = (0..starts).filter(|n| {
            let mut at = Duration::from_micros(1_234_567) * *n;
            !sleeps.iter().any(|sleep| {
                at += Duration::from_millis(*sleep);
                open_window(at).is_some()
            })
        });
        let missed = missed.count();
        assert!(missed < starts as usize / 300, "{missed}");
    }
}
