//! The thread that looks for commits, and who waits for them.

#![forbid(unsafe_code)]

mod pace;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use self::pace::Source;
use self::pace::{Look, Pace};
use super::file::DatabaseFile;
use super::mutex::locked;
use crate::Error;
use crate::os::{self, Listener};
use crate::sqlite::{Mark, ReadConnection};

/// What a wait for a commit has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was a commit, or may have been one.
    Commit,
    /// The time is over.
    Interval,
    /// No commit will be told of any more: the database was closed.
    End,
}

/// The thread of a database, as long as there are subscribers.
#[derive(Default)]
pub(super) struct Hub {
    pub(super) watching: Option<Arc<Watching>>,
    pub(super) closed: bool,
}

type Told = Box<dyn FnOnce(Result<Change, Error>) + Send>;

/// What the subscriptions and the thread share.
pub(super) struct Watching {
    file: Arc<DatabaseFile>,
    listener: Option<Box<dyn Listener>>,
    bell: Bell,
    state: Mutex<State>,
}

struct State {
    /// None when it has ended.
    connection: Option<ReadConnection>,
    mark: Mark,
    /// How many commits were found.
    version: u64,
    subscribers: HashMap<u64, Subscriber>,
    last_id: u64,
    /// Until when the thread sleeps, if no event comes. None: until somebody waits.
    sleeps_until: Option<Instant>,
}

struct Subscriber {
    /// The version that it was told of.
    seen: u64,
    wait: Option<Pending>,
}

struct Pending {
    ends: Option<Instant>,
    told: Told,
}

impl Watching {
    /// `open` opens the connection that it looks through.
    pub(super) fn of(
        file: Arc<DatabaseFile>,
        lock_path: &Path,
        open: impl FnOnce() -> Result<ReadConnection, Error>,
    ) -> Result<Self, Error> {
        // Listened to first, so that no write is between the first look and the first event.
        let listener = listener(&file, lock_path);
        let mut connection = open()?;
        // While a program has the file to itself, any mark will do: the next one is another.
        let mark = connection.mark().unwrap_or(Mark::Version { replaced: u32::MAX, version: -1 });
        Ok(Self {
            file,
            listener,
            bell: Bell::default(),
            state: Mutex::new(State {
                connection: Some(connection),
                mark,
                version: 0,
                subscribers: HashMap::new(),
                last_id: 0,
                sleeps_until: None,
            }),
        })
    }

    pub(super) fn source(&self) -> Source {
        if self.listener.is_some() { Source::Events } else { Source::Poll }
    }

    pub(super) fn is_wal(&self) -> bool {
        self.state().is_wal()
    }

    /// Adds a subscriber, who has seen all commits up to now.
    pub(super) fn add(&self) -> u64 {
        let mut state = self.state();
        state.look();
        state.last_id += 1;
        let (id, seen) = (state.last_id, state.version);
        state.subscribers.insert(id, Subscriber { seen, wait: None });
        id
    }

    /// Removes a subscriber. True when it was the last.
    pub(super) fn remove(&self, id: u64) -> bool {
        let mut state = self.state();
        let removed = state.subscribers.remove(&id);
        let is_last = removed.is_some() && state.subscribers.is_empty();
        drop(state);
        if let Some(Pending { told, .. }) = removed.and_then(|subscriber| subscriber.wait) {
            told(Ok(Change::End));
        }
        is_last
    }

    pub(super) fn wait(&self, id: u64, interval: Option<Duration>, told: Told) {
        let mut state = self.state();
        let (version, is_open) = (state.version, state.connection.is_some());
        let Some(subscriber) = state.subscribers.get_mut(&id).filter(|_| is_open) else {
            drop(state);
            return told(Ok(Change::End));
        };
        if subscriber.seen != version {
            subscriber.seen = version;
            drop(state);
            return told(Ok(Change::Commit));
        }
        let ends = interval.and_then(|interval| Instant::now().checked_add(interval));
        let before = subscriber.wait.replace(Pending { ends, told });
        let wakes = state.sleeps_until.is_none_or(|until| ends.is_some_and(|end| end < until));
        if wakes {
            state.sleeps_until = Some(Instant::now());
        }
        drop(state);
        if let Some(Pending { told, .. }) = before {
            told(Ok(Change::End));
        }
        if wakes {
            self.wake();
        }
    }

    /// Closes the connection, and ends all waits and the thread.
    pub(super) fn end(&self) {
        let mut state = self.state();
        let connection = state.connection.take();
        let ended: Vec<_> = state.subscribers.values_mut().filter_map(|subscriber| subscriber.wait.take()).collect();
        drop(state);
        if let Some(connection) = connection {
            if self.file.has_lost_companions() {
                connection.forgo_checkpoint();
            }
            drop(connection);
        }
        for Pending { told, .. } in ended {
            told(Ok(Change::End));
        }
        self.wake();
    }

    /// What the thread does.
    pub(super) fn run(&self) {
        let mut pace = Pace::new(self.source(), Instant::now());
        let mut heard = false;
        loop {
            let is_replaced = self.file.check_at_times().is_err();
            let mut state = self.state();
            if state.connection.is_none() {
                return;
            }
            let found = state.look();
            let told = state.settled(|| if is_replaced { self.file.check() } else { Ok(()) });
            let now = Instant::now();
            let pause = pace.next(&Look { heard, found, is_wal: state.is_wal() }, now).until(state.next_end(), now);
            // Those who were told come back soon. Without a rest they would be told of each commit by itself.
            let rests = found && !told.is_empty();
            let is_awaited = state.is_awaited();
            state.sleeps_until = match (rests, is_awaited) {
                (true, _) => Some(now + pause.rest),
                (false, true) => Some(now + pause.listen),
                (false, false) => None,
            };
            drop(state);
            for (told, outcome) in told {
                told(outcome);
            }
            heard = match (rests, is_awaited) {
                (true, _) => {
                    self.rest(Some(pause.rest));
                    false
                }
                (false, true) => self.listen(pause.listen),
                // What has happened meanwhile is looked at when somebody waits.
                (false, false) => self.rest(None),
            };
        }
    }

    fn listen(&self, timeout: Duration) -> bool {
        if let Some(listener) = &self.listener {
            return listener.wait(Some(timeout));
        }
        self.bell.wait(Some(timeout));
        false
    }

    /// True when it was woken.
    fn rest(&self, timeout: Option<Duration>) -> bool {
        match &self.listener {
            Some(listener) => listener.rest(timeout),
            None => self.bell.wait(timeout),
        }
    }

    fn wake(&self) {
        match &self.listener {
            Some(listener) => listener.wake(),
            None => self.bell.ring(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    /// Looks for a commit. An error finds none: who reads will meet it.
    fn look(&mut self) -> bool {
        let found = self.connection.as_mut().and_then(|connection| connection.mark().ok());
        let is_new = found.is_some_and(|mark| mark != self.mark);
        if let Some(mark) = found.filter(|_| is_new) {
            self.mark = mark;
            self.version += 1;
        }
        is_new
    }

    /// The waits that have come to their end: by a failed check, by a commit, or by their time.
    fn settled(&mut self, check: impl Fn() -> Result<(), Error>) -> Vec<(Told, Result<Change, Error>)> {
        let (version, now) = (self.version, Instant::now());
        let mut all = Vec::new();
        for subscriber in self.subscribers.values_mut() {
            let outcome = match &subscriber.wait {
                None => continue,
                Some(pending) => match check() {
                    Err(error) => Err(error),
                    Ok(()) if subscriber.seen != version => Ok(Change::Commit),
                    Ok(()) if pending.ends.is_some_and(|end| end <= now) => Ok(Change::Interval),
                    Ok(()) => continue,
                },
            };
            subscriber.seen = version;
            all.extend(subscriber.wait.take().map(|pending| (pending.told, outcome)));
        }
        all
    }

    fn is_wal(&self) -> bool {
        matches!(self.mark, Mark::Wal(_))
    }

    fn is_awaited(&self) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.wait.is_some())
    }

    fn next_end(&self) -> Option<Instant> {
        self.subscribers.values().filter_map(|subscriber| subscriber.wait.as_ref()?.ends).min()
    }
}

/// What hears that a commit is made, or may have been.
fn listener(file: &DatabaseFile, lock: &Path) -> Option<Box<dyn Listener>> {
    let wal = file.wal_path();
    let directories: Vec<&Path> = [wal.parent(), lock.parent()].into_iter().flatten().collect();
    let names: Vec<OsString> =
        [file.real_path(), wal, lock].into_iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    os::listen(&directories, move |name| names.iter().any(|known| known == name))
}

/// Ends the sleep of a thread that hears no events.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *locked(&self.rung) = true;
        self.changed.notify_one();
    }

    /// True when it has rung.
    fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut rung = locked(&self.rung);
        match timeout {
            Some(timeout) => {
                let waited = self.changed.wait_timeout_while(rung, timeout, |rung| !*rung);
                (rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            None => rung = self.changed.wait_while(rung, |rung| !*rung).unwrap_or_else(PoisonError::into_inner),
        }
        std::mem::take(&mut *rung)
    }
}
