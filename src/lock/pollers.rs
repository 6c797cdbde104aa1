//! Programs that poll for the lock, and when the lock is left free for them.
//!
//! A program that tries, sleeps and tries again is not among the programs that the kernel wakes. If
//! several processes of ours pass the lock on all the time, it finds the lock free only by luck.
//! But the holder can see it: a program that opens `db.lock` and then closes it, both within one
//! hold, did not get the lock. A program that blocks in flock(2) has the file open until it has had
//! the lock. It cannot open and close the file within one hold of another program.
//!
//! A holder that sees an attempt sends a signal, which every watch of the file gets, in all
//! processes. For a while after the signals, no process of ours begins a hold in certain windows of
//! time. The windows are the same for all processes, because they use one clock. They are
//! irregular, because the sleeps of programs are regular.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use super::seam::LockFiles;
use crate::os::{self, Event, Identity, Watch};

/// Two attempts within this time are polling. The longest sleep of a program that polls is 50 ms.
const AGAIN: Duration = Duration::from_millis(110);
/// For so long after an attempt a program that polls is expected to come again. Attempts that succeed are not seen, nor are
/// those that begin in one hold and end in another.
const ABOUT: Duration = Duration::from_millis(300);
/// Two attempts of one program are further apart. One attempt alone is no polling: a program may read who
/// holds the lock, or try once.
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
    /// Until when each hold is watched, because the file was opened. As a rule no hold is.
    suspicious_until: Option<Instant>,
    hold: Option<WatchedHold>,
    /// The last attempt.
    seen: Option<Instant>,
    about_until: Option<Instant>,
}

/// A hold that began with a look.
#[derive(Default)]
struct WatchedHold {
    /// Was the file opened since the hold began?
    opened: bool,
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
        if self.are_about(now) { open_window(os::clock()) } else { None }
    }

    /// How long it is until the next window opens.
    pub(super) fn next_window(&mut self, now: Instant) -> Option<Duration> {
        if self.are_about(now) { Some(next_window(os::clock())) } else { None }
    }

    fn are_about(&mut self, now: Instant) -> bool {
        self.look_now_and_then(now);
        self.about_until.is_some_and(|until| now < until)
    }

    /// The lock was granted.
    pub(super) fn hold_begins(&mut self, now: Instant) {
        if self.suspicious_until.is_some_and(|until| now < until) {
            // A program that has closed the file before this hold may have had the lock.
            self.look(now);
            self.hold = Some(WatchedHold::default());
        }
    }

    /// The lock is about to be given back.
    pub(super) fn hold_ends(&mut self, now: Instant) {
        if self.hold.is_some() {
            self.look(now);
            self.hold = None;
        }
    }

    fn look_now_and_then(&mut self, now: Instant) {
        if self.looked.is_none_or(|looked| now - looked >= LOOK_EVERY) {
            self.look(now);
        }
    }

    fn look(&mut self, now: Instant) {
        let Some((_, watch)) = &self.watch else { return };
        self.looked = Some(now);
        let (mut opened, mut attempted, mut signalled) = (false, false, false);
        watch.look(&mut |event| match (event, &mut self.hold) {
            (Event::Open, hold) => {
                opened = true;
                if let Some(hold) = hold {
                    hold.opened = true;
                }
            }
            (Event::Close, Some(hold)) => attempted |= std::mem::take(&mut hold.opened),
            (Event::Close, None) => {}
            (Event::Signal, _) => signalled = true,
        });
        if opened {
            self.suspicious_until = Some(now + ABOUT);
        }
        let since = self.seen.map(|seen| now - seen);
        if since.is_some_and(|since| since < APART) {
            return;
        }
        if attempted {
            // The next look sees this signal, too: it counts here as in every other process.
            watch.signal();
        }
        if signalled {
            self.seen = Some(now);
            if since.is_some_and(|since| since <= AGAIN) || self.about_until.is_some_and(|until| now < until) {
                self.about_until = Some(now + ABOUT);
            }
        }
    }
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
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What happens to a lock file with one watch, and how often that was looked at.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<(Vec<Event>, u32)>>);

    impl Events {
        fn happen(&self, events: &[Event]) {
            self.0.lock().unwrap().0.extend(events);
        }
        fn open(&self) {
            self.happen(&[Event::Open]);
        }
        fn close(&self) {
            self.happen(&[Event::Close]);
        }
        fn attempt(&self) {
            self.happen(&[Event::Open, Event::Close]);
        }
        fn looks(&self) -> u32 {
            self.0.lock().unwrap().1
        }
    }

    impl Watch for Events {
        fn look(&self, tell: &mut dyn FnMut(Event)) {
            let (events, looks) = &mut *self.0.lock().unwrap();
            *looks += 1;
            events.drain(..).for_each(tell);
        }
        fn signal(&self) {
            self.happen(&[Event::Signal]);
        }
    }

    /// A process that holds the lock for 2 ms and waits for it for 6 ms, again and again.
    struct Process {
        pollers: Pollers,
        events: Events,
        now: Instant,
    }

    impl Process {
        fn new() -> Self {
            let events = Events::default();
            let watch = Some((Identity::fake(0), Box::new(events.clone()) as Box<dyn Watch>));
            Self { pollers: Pollers { watch, ..Pollers::default() }, events, now: Instant::now() }
        }

        /// One hold, with what others do during it and after it. Are there pollers, when it waits again?
        fn hold(&mut self, during: impl FnOnce(&Events), after: impl FnOnce(&Events)) -> bool {
            self.pollers.hold_begins(self.now);
            during(&self.events);
            self.now += Duration::from_millis(2);
            self.pollers.hold_ends(self.now);
            after(&self.events);
            self.now += LOOK_EVERY;
            self.pollers.look_now_and_then(self.now);
            self.now += Duration::from_millis(5);
            self.pollers.are_about(self.now)
        }
    }

    #[test]
    fn a_program_that_opens_and_closes_the_file_within_a_hold_polls() {
        let mut process = Process::new();
        let about: Vec<bool> = (0..6).map(|_| process.hold(Events::attempt, |_| ())).collect();
        // Holds are watched after the first attempt. The next two count.
        assert_eq!(about, [false, false, true, true, true, true]);
        process.now += ABOUT;
        assert!(!process.pollers.are_about(process.now));
    }

    #[test]
    fn an_open_and_a_close_that_two_looks_of_one_hold_see_are_an_attempt() {
        let mut process = Process::new();
        process.hold(Events::open, |_| ());
        for _ in 0..2 {
            let now = process.now;
            process.pollers.hold_begins(now);
            process.events.open();
            process.pollers.next_window(now + LOOK_EVERY);
            process.events.close();
            process.now += Duration::from_millis(5);
            process.pollers.hold_ends(process.now);
        }
        assert!(process.pollers.are_about(process.now + LOOK_EVERY));
    }

    #[test]
    fn a_program_that_blocks_until_it_has_the_lock_does_not_poll_however_often_it_opens_the_file() {
        let mut process = Process::new();
        for _ in 0..100 {
            assert!(!process.hold(Events::open, Events::close), "it opens the file during our hold");
            assert!(!process.hold(|_| (), Events::attempt), "it finds the lock free");
            let reopens = |events: &Events| events.happen(&[Event::Close, Event::Open]);
            assert!(!process.hold(reopens, |_| ()), "it unlocks the file before it closes it");
            assert!(!process.hold(|_| (), Events::close));
        }
    }

    #[test]
    fn a_program_that_polls_is_seen_among_others_that_block() {
        let mut process = Process::new();
        for _ in 0..100 {
            assert!(!process.hold(Events::open, Events::close));
        }
        let polls_too = |events: &Events| events.happen(&[Event::Open, Event::Close, Event::Open]);
        process.hold(polls_too, Events::close);
        process.hold(Events::open, Events::close);
        assert!(process.hold(polls_too, Events::close));
        let still: Vec<bool> = (0..100).map(|_| process.hold(Events::open, Events::close)).collect();
        assert!(still[0]);
        assert!(!still[99], "those that block do not make it stay");
    }

    #[test]
    fn signals_of_another_process_count_as_attempts() {
        let mut process = Process::new();
        assert!(!process.hold(|_| (), Events::signal));
        assert!(process.hold(|_| (), Events::signal));
    }

    #[test]
    fn a_hold_costs_no_look_while_nobody_opens_the_file() {
        let mut process = Process::new();
        process.hold(|_| (), |_| ());
        let looks = process.events.looks();
        for _ in 0..10 {
            process.pollers.hold_begins(process.now);
            process.pollers.hold_ends(process.now);
        }
        assert_eq!(process.events.looks(), looks);
    }

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
