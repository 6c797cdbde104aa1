//! kill -9: a process that dies at any instruction frees the lock, and its unfinished transaction leaves no trace (I3).

mod points;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlock::{Database, WriteLocker};
use support::{MARK, OtherProcess, PATIENCE, Role, TestResult, assert_sound, hold, lock_text, say, told_to_go_on};

/// The kernel frees a lock within microseconds of a death. Anything near this bound is a stale time of some kind.
const AT_ONCE: Duration = Duration::from_secs(1);

/// No test by itself: what this binary does when one of its tests runs it again.
#[test]
fn other_process() -> TestResult {
    let Some(role) = Role::of_this_process()? else { return Ok(()) };
    match role.name.as_str() {
        "hold" => hold(&role.locker()?),
        "hold with a child" => hold_with_a_child(&role),
        "leave a transaction open" => leave_a_transaction_open(&role),
        "create records" => create_records(&role),
        "write step by step" => points::write(&role.dir),
        other => Err(format!("no role is called {other}").into()),
    }
}

/// The child inherits what a child inherits, stdin and stdout among it: it answers the test, and ends with its stdin.
fn hold_with_a_child(role: &Role) -> TestResult {
    let _guard = role.locker()?.acquire(PATIENCE)?;
    let mut child = Command::new("cat").spawn()?;
    say("held")?;
    child.wait()?;
    Ok(())
}

/// More than the page cache holds, so that rows without a commit are already in the WAL.
const MANY_ROWS: &str = "
    PRAGMA cache_size = 8;
    BEGIN IMMEDIATE;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO records (name, value) SELECT hex(randomblob(500)), i FROM n;";

fn leave_a_transaction_open(role: &Role) -> TestResult {
    let db = Database::open(role.dir.join("app.db"))?;
    db.with_write_lock(|connection| -> TestResult {
        connection.execute_batch(MANY_ROWS)?;
        say("inserted")?;
        told_to_go_on().map(drop)
    })?
}

/// Writes until it is killed, and acknowledges each record by its id.
fn create_records(role: &Role) -> TestResult {
    say("ready")?;
    let db = Database::open(role.dir.join("app.db"))?;
    for value in 0.. {
        say(&db.create_record(&role.detail, value)?.to_string())?;
    }
    Ok(())
}

/// Takes the lock, which has to be there at once, and finds nobody's text in its file but its own.
fn take_over(dir: &Path) -> TestResult {
    let asked = Instant::now();
    let guard = WriteLocker::new(dir)?.acquire(PATIENCE)?;
    let waited = asked.elapsed();
    println!("granted {waited:?} after the death of the holder");
    assert!(waited < AT_ONCE, "{waited:?}");
    let text = lock_text(dir)?;
    assert!(text.starts_with(&format!("pid:{}\ntime:", std::process::id())), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    guard.release()?;
    assert_eq!(lock_text(dir)?, "");
    Ok(())
}

#[test]
fn a_killed_holder_frees_the_lock_and_its_text_goes_with_the_next_hold() -> TestResult {
    let dir = tempfile::tempdir()?;
    // A text longer than the next one, which would not cover all of it.
    let mut holder = OtherProcess::start("hold", dir.path(), "a long import".repeat(20))?;
    holder.wait_for("held")?;
    holder.kill()?;
    assert!(lock_text(dir.path())?.starts_with(&format!("pid:{}\n", holder.pid())), "a killed process clears nothing");
    let status = WriteLocker::new(dir.path())?.status()?;
    assert_eq!((status.locked, status.holder), (false, None));
    take_over(dir.path())
}

#[test]
fn who_waits_gets_the_lock_of_a_killed_holder() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    let mut waiter = OtherProcess::start("hold", dir.path(), "")?;
    waiter.wait_for("waiting")?;
    waiter.must_block()?;
    let killed = Instant::now();
    holder.kill()?;
    waiter.wait_for("held")?;
    let after = killed.elapsed();
    println!("handed over {after:?} after the kill");
    assert!(after < AT_ONCE, "{after:?}");
    assert!(lock_text(dir.path())?.starts_with(&format!("pid:{}\n", waiter.pid())));
    waiter.finish()?;
    Ok(())
}

#[test]
fn a_killed_waiter_is_not_waited_for() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    let mut waiter = OtherProcess::start("hold", dir.path(), "")?;
    waiter.wait_for("waiting")?;
    waiter.must_block()?;
    waiter.kill()?;
    assert!(lock_text(dir.path())?.starts_with(&format!("pid:{}\n", holder.pid())));
    holder.go_on()?;
    holder.wait_for("released")?;
    holder.finish()?;
    take_over(dir.path())
}

#[test]
fn a_child_of_a_killed_holder_does_not_keep_the_lock() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::start("hold with a child", dir.path(), "")?;
    holder.wait_for("held")?;
    holder.kill()?;
    take_over(dir.path())?;
    holder.tell(&format!("{MARK}alive"))?;
    holder.wait_for("alive")
}

#[test]
fn a_transaction_cut_short_by_a_kill_leaves_no_trace() -> TestResult {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("app.db");
    let before = Database::open(&path)?;
    before.create_record("committed", 1)?;
    let records = before.records()?;

    let mut writer = OtherProcess::start("leave a transaction open", dir.path(), "")?;
    writer.wait_for("inserted")?;
    let wal_bytes = std::fs::metadata(dir.path().join("app.db-wal"))?.len();
    assert!(wal_bytes > 1_000_000, "the rows are not in the WAL yet: {wal_bytes} bytes");
    assert_eq!(before.records()?, records);
    writer.kill()?;

    let after = Database::open(&path)?;
    for db in [&before, &after] {
        assert_eq!(db.records()?, records);
        assert_sound(db)?;
    }
    let id = after.create_record("next", 2)?;
    assert_eq!(before.record(id)?.map(|record| record.value), Some(2));
    assert_eq!(before.records()?.len(), 2);
    assert_sound(&after)
}

/// Numbers that look random and come again with their seed: xorshift64.
struct Random(u64);

impl Random {
    /// The seed is `SQLOCK_SEED`, or the clock.
    fn seeded() -> TestResult<Self> {
        let seed: u64 = match std::env::var("SQLOCK_SEED") {
            Ok(seed) => seed.parse()?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos().into(),
        };
        println!("SQLOCK_SEED={seed}");
        // Zero would stay zero for ever.
        Ok(Self(seed | (1 << 63)))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn records_acknowledged_by_a_process_that_is_killed_are_there_exactly_once() -> TestResult {
    const DATABASES: u64 = 3;
    const ROUNDS: u64 = 10;
    let mut random = Random::seeded()?;
    for _ in 0..DATABASES {
        // A new database has its first write under fire, too.
        let dir = tempfile::tempdir()?;
        for round in 0..ROUNDS {
            // Every other time nobody else has the database open, so that the next one has to recover the WAL.
            let bystander = (round % 2 > 0).then(|| Database::open(dir.path().join("app.db"))).transpose()?;
            let acknowledged = write_and_kill(dir.path(), round, Duration::from_micros(random.below(30_000)))?;
            check_round(dir.path(), round, &acknowledged)?;
            drop(bystander);
        }
    }
    Ok(())
}

/// The ids that a writer acknowledges until it is killed, `delay` after it says that it is ready.
fn write_and_kill(dir: &Path, round: u64, delay: Duration) -> TestResult<Vec<i64>> {
    let mut writer = OtherProcess::start("create records", dir, round.to_string())?;
    writer.wait_for("ready")?;
    let moment = Instant::now() + delay;
    let mut said = Vec::new();
    while let Ok(line) = writer.line_within(moment.saturating_duration_since(Instant::now())) {
        said.push(line);
    }
    writer.kill()?;
    said.extend(writer.rest()?);
    Ok(said.iter().map(|id| id.parse()).collect::<Result<_, _>>()?)
}

fn check_round(dir: &Path, round: u64, acknowledged: &[i64]) -> TestResult {
    let db = Database::open(dir.join("app.db"))?;
    assert_sound(&db)?;
    let name = round.to_string();
    let found: Vec<_> = db.records()?.into_iter().filter(|record| record.name == name).collect();
    println!("round {round}: {} acknowledged, {} found", acknowledged.len(), found.len());
    let extra = found.len().checked_sub(acknowledged.len()).ok_or("an acknowledged record is missing")?;
    assert!(extra <= 1, "{extra} records more than were acknowledged");
    for (value, record) in (0..).zip(&found) {
        assert_eq!(record.value, value, "each write once, in its order");
    }
    for (id, record) in acknowledged.iter().zip(&found) {
        assert_eq!(record.id, *id);
    }
    Ok(())
}
