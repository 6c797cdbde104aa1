//! Tests of the queue, with a lock file that the tests control: no kernel, no sleeping, and faults
//! on demand.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{self, Receiver};

use super::*;
use crate::lock::claim::NewFile;
use crate::os::{self, Identity, Watch};

/// A lock file whose lock is a flag, and which another process may hold or replace.
#[derive(Default)]
struct World {
    locked: Mutex<Option<u64>>,
    freed: Condvar,
    inode: AtomicU64,
    opened: AtomicU64,
    unlock_fails: AtomicBool,
    open_fails: AtomicBool,
    awaited: AtomicBool,
    text: Mutex<String>,
}

const STRANGER: u64 = u64::MAX;

impl World {
    fn lock_by(&self, who: u64) -> bool {
        let mut locked = self.locked.lock().unwrap();
        if locked.is_some() {
            return false;
        }
        *locked = Some(who);
        true
    }

    fn unlock_by(&self, who: u64) {
        let mut locked = self.locked.lock().unwrap();
        if *locked == Some(who) {
            *locked = None;
            self.freed.notify_all();
        }
    }
}

struct Fake {
    world: Arc<World>,
    number: u64,
    inode: u64,
}

impl LockFile for Fake {
    fn id(&self) -> Identity {
        Identity::fake(self.inode)
    }
    fn try_lock(&self) -> io::Result<bool> {
        Ok(self.inode != self.world.inode.load(Ordering::SeqCst) || self.world.lock_by(self.number))
    }
    fn lock(&self) -> io::Result<()> {
        let mut locked = self.world.locked.lock().unwrap();
        while locked.is_some() {
            locked = self.world.freed.wait(locked).unwrap();
        }
        *locked = Some(self.number);
        Ok(())
    }
    fn is_awaited(&self) -> Option<bool> {
        Some(self.world.awaited.load(Ordering::SeqCst))
    }
    fn unlock(&self) -> io::Result<()> {
        if self.world.unlock_fails.swap(false, Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.world.unlock_by(self.number);
        Ok(())
    }
    fn clear(&self) -> io::Result<()> {
        self.world.text.lock().unwrap().clear();
        Ok(())
    }
    fn announce(&self, text: &str) -> io::Result<()> {
        text.clone_into(&mut self.world.text.lock().unwrap());
        Err(io::Error::from_raw_os_error(28))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.world.unlock_by(self.number);
    }
}

struct Fakes(Arc<World>);

impl LockFiles for Fakes {
    fn open(&self, claim: &Claim) -> Result<Arc<dyn LockFile>, Error> {
        if self.0.open_fails.load(Ordering::SeqCst) {
            return Err(Error::io("open", &claim.lock_path, io::Error::from_raw_os_error(13)));
        }
        let number = self.0.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(Fake { world: Arc::clone(&self.0), number, inode: self.0.inode.load(Ordering::SeqCst) }))
    }
    fn current(&self, _: &Claim) -> Option<Identity> {
        Some(Identity::fake(self.0.inode.load(Ordering::SeqCst)))
    }
    fn holder(&self, _: &Claim) -> Option<String> {
        Some("pid:7".into())
    }
    fn watch(&self, _: &Path) -> Option<Box<dyn Watch>> {
        None
    }
}

fn world() -> (Arc<World>, Arc<Queue>) {
    let world = Arc::new(World::default());
    let queue = Queue::new(None, Box::new(Fakes(Arc::clone(&world))));
    (world, queue)
}

fn claim() -> Arc<Claim> {
    claim_of(false)
}

fn claim_of(of_database: bool) -> Arc<Claim> {
    Arc::new(Claim { lock_path: "/x/db.lock".into(), label: None, new_file: NewFile::Mode(0o600), of_database })
}

type Outcome = Result<WriteGuard, Error>;

fn request(timeout: Option<Duration>) -> (Request, Receiver<Outcome>) {
    let (sender, receiver) = mpsc::channel();
    let settle = Box::new(move |outcome| sender.send(outcome).unwrap_or(()));
    (Request { claim: claim(), timeout, owner: 1.into(), is_brief: false, settle }, receiver)
}

fn request_of_database(timeout: Option<Duration>) -> (Request, Receiver<Outcome>) {
    let (request, outcome) = request(timeout);
    (Request { claim: claim_of(true), ..request }, outcome)
}

const LONG: Option<Duration> = Some(Duration::from_secs(3600));

/// Each open would look to other processes like an attempt of a program that polls.
#[test]
fn holds_and_waits_in_turn_keep_their_lock_files_open() {
    let (world, queue) = world();
    for _ in 0..20 {
        let held = queue.try_acquire(&claim(), true).unwrap().expect("free");
        let (request, outcome) = request(None);
        queue.wait(request);
        while queue.state().blocked_on.is_none() {
            std::thread::yield_now();
        }
        held.release().unwrap();
        outcome.recv().unwrap().unwrap().release().unwrap();
    }
    assert!(world.opened.load(Ordering::SeqCst) <= 2);
}

#[test]
fn grants_come_in_the_order_of_the_calls() {
    let (_, queue) = world();
    let first = queue.try_acquire(&claim(), true).unwrap().expect("free");
    let (order, granted) = mpsc::channel();
    for n in 0..20 {
        let order = order.clone();
        let settle = Box::new(move |outcome: Outcome| order.send((n, outcome)).unwrap_or(()));
        queue.wait(Request { claim: claim(), timeout: None, owner: 1.into(), is_brief: false, settle });
    }
    first.release().unwrap();
    for expected in 0..20 {
        let (n, outcome) = granted.recv().unwrap();
        assert_eq!(n, expected);
        outcome.unwrap().release().unwrap();
    }
}

/// The lock used to go through the kernel, which first had to wake the waiter thread.
#[test]
fn the_next_hold_gets_the_lock_from_the_thread_that_gives_it_back_and_a_batch_does_not() {
    let (world, queue) = world();
    let held = queue.try_acquire(&claim(), true).unwrap().expect("free");
    let here = std::thread::current().id();
    let (threads, granted) = mpsc::channel();
    for is_brief in [true, true, false, true] {
        let threads = threads.clone();
        let settle =
            Box::new(move |outcome: Outcome| threads.send((std::thread::current().id(), outcome)).unwrap_or(()));
        queue.wait(Request { claim: claim(), timeout: None, owner: 1.into(), is_brief, settle });
    }
    let number = *world.locked.lock().unwrap();
    let mut guard = held;
    for _ in 0..2 {
        guard.release().unwrap();
        let (thread, outcome) = granted.try_recv().expect("at once");
        assert!(thread == here && *world.locked.lock().unwrap() == number);
        guard = outcome.unwrap();
    }
    guard.release().unwrap();
    let (thread, outcome) = granted.recv().unwrap();
    assert_ne!(thread, here);
    outcome.unwrap().release().unwrap();
    assert_eq!(granted.recv().unwrap().0, here);
}

#[test]
fn a_lock_file_that_was_replaced_is_not_passed_on() {
    let (world, queue) = world();
    let held = queue.try_acquire(&claim(), true).unwrap().expect("free");
    let (request, outcome) = request(None);
    queue.wait(Request { is_brief: true, ..request });
    world.inode.fetch_add(1, Ordering::SeqCst);
    let number = *world.locked.lock().unwrap();
    held.release().unwrap();
    let guard = outcome.recv().unwrap().unwrap();
    assert_ne!(*world.locked.lock().unwrap(), number);
    drop(guard);
}

#[test]
fn nobody_overtakes_an_entry_that_was_there_before() {
    let (_, queue) = world();
    let (early, early_outcome) = request(LONG);
    let early = queue.enter(early);
    assert!(queue.try_acquire(&claim(), true).unwrap().is_none());
    queue.attempt(early);
    assert!(early_outcome.recv().unwrap().is_ok());
}

#[test]
fn only_a_tried_entry_expires_and_only_at_its_deadline() {
    let (_, queue) = world();
    let (untried, _untried_outcome) = request(Some(Duration::from_millis(500)));
    queue.enter(untried);
    let now = Instant::now();
    let mut state = queue.state();
    assert!(state.expire(now + Duration::from_secs(1)).is_empty());
    state.mark_all_as_tried();
    assert!(state.expire(now + Duration::from_millis(400)).is_empty());
    assert_eq!(state.expire(now + Duration::from_millis(501)).len(), 1);
    assert!(state.entries.is_empty());
}

#[test]
fn a_timeout_names_the_holder_and_leaves_the_others_waiting() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (short, short_outcome) = request(Some(Duration::from_millis(1)));
    let (long, long_outcome) = request(LONG);
    queue.wait(short);
    queue.wait(long);
    match short_outcome.recv().unwrap() {
        Err(Error::Timeout { holder, timeout }) => {
            assert_eq!((holder.as_str(), timeout), ("pid:7", Duration::from_millis(1)));
        }
        other => panic!("{other:?}"),
    }
    world.unlock_by(STRANGER);
    assert!(long_outcome.recv().unwrap().is_ok());
}

#[test]
fn a_timeout_of_zero_is_one_attempt() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (once, outcome) = request(Some(Duration::ZERO));
    let id = queue.enter(once);
    queue.attempt(id);
    assert!(matches!(outcome.recv().unwrap(), Err(Error::Timeout { .. })));
    assert!(queue.state().waiter.is_none());
}

#[test]
fn a_cancelled_entry_settles_and_the_next_one_is_served() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (first, first_outcome) = request(None);
    let (second, second_outcome) = request(None);
    let first = queue.wait(first);
    queue.wait(second);
    queue.cancel(first);
    assert!(matches!(first_outcome.recv().unwrap(), Err(Error::Cancelled)));
    world.unlock_by(STRANGER);
    assert!(second_outcome.recv().unwrap().is_ok());
}

#[test]
fn a_late_grant_that_nobody_wants_is_given_back() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (request, outcome) = request(Some(Duration::from_millis(1)));
    queue.wait(request);
    assert!(outcome.recv().unwrap().is_err());
    world.unlock_by(STRANGER);
    while queue.state().waiter.is_some() {
        std::thread::yield_now();
    }
    assert!(!queue.state().held);
    assert!(world.lock_by(STRANGER));
}

#[test]
fn an_entry_whose_worker_does_not_come_is_overtaken() {
    let (_, queue) = world();
    let (request, outcome) = request(LONG);
    let id = queue.enter(request);
    queue.overtake(id);
    let guard = outcome.recv().unwrap().unwrap();
    queue.attempt(id);
    guard.release().unwrap();
    assert!(outcome.recv().is_err(), "settled once");
}

/// The waiter thread sits in the kernel for an entry that has long given up. An entry that was overtaken then has to keep
/// its deadline, although no further attempt is made for it; it used to wait for ever.
#[test]
fn an_entry_that_is_overtaken_behind_an_abandoned_wait_times_out() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (abandoned, abandoned_outcome) = request(Some(Duration::from_millis(1)));
    queue.wait(abandoned);
    assert!(abandoned_outcome.recv().unwrap().is_err());
    let (late, late_outcome) = request(Some(Duration::from_millis(1)));
    let late = queue.enter(late);
    queue.overtake(late);
    assert!(matches!(late_outcome.recv().unwrap(), Err(Error::Timeout { .. })));
}

#[test]
fn a_panic_under_the_grant_frees_the_lock_and_harms_nobody_else() {
    let (_, queue) = world();
    let first = queue.try_acquire(&claim(), true).unwrap().expect("free");
    let settle = Box::new(|_: Outcome| panic!("under the grant"));
    queue.wait(Request { claim: claim(), timeout: None, owner: 1.into(), is_brief: false, settle });
    let (next, next_outcome) = request(None);
    queue.wait(next);
    first.release().unwrap();
    assert!(next_outcome.recv().unwrap().is_ok());
}

#[test]
fn a_lock_that_cannot_be_given_back_is_freed_by_closing_it() {
    let (world, queue) = world();
    let guard = queue.try_acquire(&claim(), true).unwrap().expect("free");
    world.unlock_fails.store(true, Ordering::SeqCst);
    assert!(matches!(guard.release(), Err(Error::Io { syscall: os::LOCK_CALL, .. })));
    assert!(world.lock_by(STRANGER));
}

#[test]
fn a_full_disk_does_not_fail_the_hold() {
    // Every `announce` of the fake lock file fails with ENOSPC.
    let (_, queue) = world();
    assert!(queue.try_acquire(&claim(), true).unwrap().is_some());
}

#[test]
fn an_error_of_open_is_an_error_at_once() {
    let (world, queue) = world();
    world.open_fails.store(true, Ordering::SeqCst);
    assert!(matches!(queue.try_acquire(&claim(), true), Err(Error::Io { syscall: "open", .. })));
    let (request, outcome) = request(None);
    queue.wait(request);
    assert!(matches!(outcome.recv().unwrap(), Err(Error::Io { .. })));
}

#[test]
fn a_caller_that_comes_after_the_file_was_replaced_gets_the_new_one() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (stuck, stuck_outcome) = request(None);
    queue.wait(stuck);
    while queue.state().blocked_on.is_none() {
        std::thread::yield_now();
    }
    // The stranger keeps the old file; the new one is free.
    *world.locked.lock().unwrap() = None;
    world.inode.fetch_add(1, Ordering::SeqCst);
    let (next, next_outcome) = request(None);
    queue.wait(next);
    stuck_outcome.recv().unwrap().unwrap().release().unwrap();
    assert!(next_outcome.recv().unwrap().is_ok());
}

/// Transactions of one program refused each other with its own pid as the holder, on a lock that nobody else wanted.
#[test]
fn a_grant_to_a_database_starts_the_timeouts_of_waiting_databases_again() {
    let second = Duration::from_secs(1);
    for (holder, waiter, timeout, restarts) in [
        (true, true, second, true),
        (true, false, second, false),
        (false, true, second, false),
        (true, true, Duration::ZERO, false),
    ] {
        let (_, queue) = world();
        let (sender, _outcome) = mpsc::channel();
        let settle = Box::new(move |outcome: Outcome| sender.send(outcome).unwrap_or(()));
        queue.enter(Request {
            claim: claim_of(waiter),
            timeout: Some(timeout),
            owner: 1.into(),
            is_brief: false,
            settle,
        });
        let mut state = queue.state();
        state.mark_all_as_tried();
        let before = Instant::now();
        let file = queue.files.open(&claim()).unwrap();
        let guard = queue.grant(&mut state, file, &claim_of(holder), false);
        let due = if restarts { before + timeout } else { before };
        assert_eq!(
            state.expire(due).len(),
            usize::from(!restarts && timeout.is_zero()),
            "{holder} {waiter} {timeout:?}"
        );
        assert_eq!(state.expire(before + timeout).len(), usize::from(!restarts && !timeout.is_zero()));
        assert_eq!(state.expire(Instant::now() + timeout).len(), usize::from(restarts));
        drop(state);
        drop(guard);
    }
}

/// A batch with much to do, or on a machine that is busy, has the lock for longer than a short timeout of a write behind it.
#[test]
fn no_call_of_a_database_times_out_behind_a_batch_that_is_being_written() {
    let (_, queue) = world();
    let guard = queue.try_acquire(&claim_of(true), true).unwrap().expect("free");
    let (waiting, _outcome) = request_of_database(Some(Duration::from_millis(1)));
    queue.enter(waiting);
    queue.begin_batch();
    let mut state = queue.state();
    state.mark_all_as_tried();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2) {
        std::thread::yield_now();
    }
    assert!(state.expire(Instant::now()).is_empty());
    drop(state);
    guard.release().unwrap();
    assert!(queue.state().expire(Instant::now() + Duration::from_millis(100)).is_empty(), "another one may come");
    assert_eq!(queue.state().expire(Instant::now() + Duration::from_millis(500)).len(), 1);
}

/// A program that made thousands of transactions at once was refused its own: no hold of it could end before all were called.
#[test]
fn no_call_of_a_database_times_out_behind_its_own_thread_while_the_event_loop_is_blocked() {
    let (_, queue) = world();
    let owner = Owner::with_event_loop(1);
    let guard = queue.try_acquire(&claim_of(true), true).unwrap().expect("free");
    let (waiting, _outcome) = request_of_database(Some(Duration::from_millis(1)));
    queue.enter(Request { owner: owner.clone(), ..waiting });
    queue.state().mark_all_as_tried();
    while !owner.is_blocked() {
        std::thread::yield_now();
    }
    assert!(queue.state().expire(Instant::now()).is_empty());
    owner.beat();
    assert_eq!(queue.state().expire(Instant::now() + Duration::from_millis(40)).len(), 1);
    drop(guard);
}

#[test]
fn a_renewed_timeout_counts_from_then_on() {
    let (_, queue) = world();
    let (waiting, _outcome) = request(Some(Duration::from_millis(500)));
    let id = queue.enter(waiting);
    queue.state().mark_all_as_tried();
    let before = Instant::now();
    assert!(queue.renew(id));
    assert!(queue.state().expire(before + Duration::from_millis(500)).is_empty());
    assert_eq!(queue.state().expire(Instant::now() + Duration::from_millis(500)).len(), 1);
    assert!(!queue.renew(id));
}

#[test]
fn what_is_put_back_is_ahead_of_what_was_called_later() {
    let (_, queue) = world();
    let (first, first_outcome) = request(None);
    let first = queue.enter(first);
    queue.attempt(first);
    let guard = first_outcome.recv().unwrap().unwrap();
    let (second, second_outcome) = request(None);
    let second = queue.enter(second);
    let (rest, rest_outcome) = request(None);
    assert_eq!(queue.put_back(Some(first), rest), first);
    guard.release().unwrap();
    assert!(queue.try_acquire(&claim(), true).unwrap().is_none());
    queue.attempt(second);
    let rest = rest_outcome.recv().unwrap().unwrap();
    assert!(second_outcome.try_recv().is_err());
    rest.release().unwrap();
    assert!(second_outcome.recv().unwrap().is_ok());
}

#[test]
fn the_waits_of_an_owner_that_ends_are_called_off() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue_of(dir.path()).unwrap();
    let claim = Arc::new(Claim {
        lock_path: dir.path().join("db.lock"),
        label: None,
        new_file: NewFile::Mode(0o600),
        of_database: false,
    });
    let _held = queue.try_acquire(&claim, true).unwrap().expect("free");
    let (sender, receiver) = mpsc::channel();
    for owner in [71, 72] {
        let sender = sender.clone();
        let settle = Box::new(move |outcome: Outcome| sender.send((owner, outcome)).unwrap_or(()));
        queue.wait(Request {
            claim: Arc::clone(&claim),
            timeout: None,
            owner: u64::into(owner),
            is_brief: false,
            settle,
        });
    }
    abandon(71);
    let (owner, outcome) = receiver.recv().unwrap();
    assert!(owner == 71 && matches!(outcome, Err(Error::Cancelled)));
    assert_eq!(queue.state().entries.len(), 1);
}

/// The timekeeper used to sleep on with nobody to look after when the last entry was served by a worker.
#[test]
fn both_threads_end_when_nobody_waits() {
    let (world, queue) = world();
    assert!(world.lock_by(STRANGER));
    let (waiting, waiting_outcome) = request(None);
    queue.wait(waiting);
    let (late, late_outcome) = request(None);
    let late = queue.enter(late);
    world.unlock_by(STRANGER);
    waiting_outcome.recv().unwrap().unwrap().release().unwrap();
    queue.attempt(late);
    late_outcome.recv().unwrap().unwrap().release().unwrap();
    while queue.state().waiter.is_some() || queue.state().timekeeper {
        std::thread::yield_now();
    }
}
