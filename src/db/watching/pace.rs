//! When the thread looks for a commit.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How soon to look again after an event, until a commit is found: 1, 2, 4 … 64 ms, and every 100 ms.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LOOKS_DOUBLE_TO: Duration = Duration::from_millis(64);
const LATER_LOOKS: Duration = Duration::from_millis(100);
/// For so long after an event.
const EVENT_ENDS: Duration = Duration::from_secs(2);
/// How often to look without an event.
const IDLE_LOOKS: Duration = Duration::from_millis(250);
/// How often to look where there are no events, and outside of WAL mode, where a look takes a lock.
const LOOKS_WITHOUT_EVENTS: Duration = Duration::from_millis(5);
const LOOKS_WITHOUT_WAL: Duration = Duration::from_millis(50);
/// Who writes without a pause wakes others only so often: the rest between two commits that are told of doubles up to this.
const LONGEST_REST: Duration = Duration::from_millis(8);

/// How the thread learns when to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Events,
    Poll,
}

/// What a look has come to.
pub(super) struct Look {
    /// Was it made for an event?
    pub(super) heard: bool,
    /// Has it found a commit?
    pub(super) found: bool,
    pub(super) is_wal: bool,
}

/// The time until the next look: one of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// After a commit was told of: events do not end it.
    pub(super) rest: Duration,
    /// Otherwise: an event ends it.
    pub(super) listen: Duration,
}

impl Pause {
    /// The same, and ends in time.
    pub(super) fn until(self, end: Option<Instant>, now: Instant) -> Self {
        let Some(left) = end.map(|end| end.saturating_duration_since(now)) else { return self };
        Self { rest: self.rest.min(left), listen: self.listen.min(left) }
    }
}

/// When to look.
pub(super) struct Pace {
    source: Source,
    /// When the last event was, and how long after it to look next.
    event: Instant,
    step: Duration,
    /// When a commit was last found, and the rest after it.
    found: Instant,
    rest: Duration,
}

impl Pace {
    pub(super) fn new(source: Source, now: Instant) -> Self {
        Self { source, event: now, step: FIRST_LOOK, found: now, rest: Duration::ZERO }
    }

    pub(super) fn next(&mut self, look: &Look, now: Instant) -> Pause {
        if look.found {
            let follows_soon = now.saturating_duration_since(self.found) <= self.rest + LONGEST_REST;
            self.rest = if follows_soon { (self.rest * 2).clamp(FIRST_LOOK, LONGEST_REST) } else { FIRST_LOOK };
            self.found = now;
        }
        // The event of one commit may be that of a second one, which cannot be seen yet.
        if look.heard || look.found {
            (self.event, self.step) = (now, FIRST_LOOK);
        }
        let rest = if look.found { self.rest } else { Duration::ZERO };
        Pause { rest, listen: self.listen(look.is_wal, now) }
    }

    fn listen(&mut self, is_wal: bool, now: Instant) -> Duration {
        let longest = match (self.source, is_wal) {
            (Source::Poll, true) => return LOOKS_WITHOUT_EVENTS,
            (_, false) => LOOKS_WITHOUT_WAL,
            (Source::Events, true) => IDLE_LOOKS,
        };
        if now.saturating_duration_since(self.event) >= EVENT_ENDS {
            return longest;
        }
        let step = self.step;
        self.step = if step < LOOKS_DOUBLE_TO { step * 2 } else { LATER_LOOKS };
        step.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn after_an_event_it_looks_often_at_first_and_ever_less_often_until_there_is_none_to_look_for() {
        let start = Instant::now();
        let mut pace = Pace::new(Source::Events, start);
        let mut now = start + EVENT_ENDS;
        let nothing = Look { heard: false, found: false, is_wal: true };
        assert_eq!(pace.next(&nothing, now), Pause { rest: ms(0), listen: IDLE_LOOKS });
        let mut look = Look { heard: true, ..nothing };
        for expected in [1, 2, 4, 8, 16, 32, 64, 100, 100] {
            assert_eq!(pace.next(&look, now).listen, ms(expected));
            look.heard = false;
            now += ms(expected);
        }
        assert_eq!(pace.next(&look, now + EVENT_ENDS).listen, IDLE_LOOKS);
    }

    #[test]
    fn commits_without_a_pause_are_told_of_ever_less_often() {
        let mut now = Instant::now();
        let mut pace = Pace::new(Source::Events, now);
        now += ms(100);
        let found = Look { heard: true, found: true, is_wal: true };
        for expected in [1, 2, 4, 8, 8] {
            assert_eq!(pace.next(&found, now).rest, ms(expected));
            now += ms(expected);
        }
        assert_eq!(pace.next(&found, now + ms(100)).rest, ms(1));
    }

    #[test]
    fn without_events_it_looks_every_few_ms() {
        let now = Instant::now();
        let look = |is_wal| Look { heard: false, found: false, is_wal };
        assert_eq!(Pace::new(Source::Poll, now).next(&look(true), now).listen, LOOKS_WITHOUT_EVENTS);
        for source in [Source::Poll, Source::Events] {
            assert_eq!(Pace::new(source, now).listen(false, now + EVENT_ENDS), LOOKS_WITHOUT_WAL);
        }
    }
}
