//! The owner of an entry: a thread of the host program, and whether its event loop is blocked.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// An event loop that has not beaten for so long is blocked.
const LATE: Duration = Duration::from_millis(100);

/// Whose an entry is; see [`abandon`](super::registry::abandon).
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    /// A thread without an event loop has none.
    pulse: Option<Arc<Pulse>>,
}

/// When an event loop last turned, and when it last did so after it was blocked.
struct Pulse {
    beat: AtomicU64,
    resumed: AtomicU64,
}

impl From<u64> for Owner {
    fn from(id: u64) -> Self {
        Self { id, pulse: None }
    }
}

impl Owner {
    /// A thread with an event loop.
    #[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "only a host has event loops"))]
    pub(crate) fn with_event_loop(id: u64) -> Self {
        Self { id, pulse: Some(Arc::new(Pulse { beat: AtomicU64::new(now()), resumed: AtomicU64::new(0) })) }
    }

    /// The event loop turns.
    #[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "only a host has event loops"))]
    pub(crate) fn beat(&self) {
        if let Some(pulse) = &self.pulse {
            if pulse.is_late() {
                pulse.resumed.store(now(), Ordering::Relaxed);
            }
            pulse.beat.store(now(), Ordering::Relaxed);
        }
    }

    /// Is its event loop blocked? Then a hold of it cannot end.
    pub(super) fn is_blocked(&self) -> bool {
        self.pulse.as_ref().is_some_and(|pulse| pulse.is_late())
    }

    /// When its event loop last went on after it was blocked.
    pub(super) fn resumed(&self) -> Option<Instant> {
        let pulse = self.pulse.as_ref()?;
        EPOCH.checked_add(Duration::from_millis(pulse.resumed.load(Ordering::Relaxed)))
    }
}

impl Pulse {
    fn is_late(&self) -> bool {
        now().saturating_sub(self.beat.load(Ordering::Relaxed)) > millis(LATE)
    }
}

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    millis(EPOCH.elapsed())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
