//! A process is killed at each step of the lock protocol and of a commit, one after the other: before each system call that
//! it makes on a file of its directory (I1, I2, I3). strace(1) kills it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use sqlock::sqlite::CheckpointMode;
use sqlock::{Database, WriteLocker};

use super::support::{OtherProcess, PATIENCE, TestResult, assert_sound, lock_text, say};

/// Every call by which a file of the directory is opened, locked, changed or closed.
const CALLS: [&str; 12] = [
    "openat",
    "flock",
    "fcntl",
    "fstat",
    "pwrite64",
    "ftruncate",
    "fallocate",
    "mmap",
    "fsync",
    "fdatasync",
    "unlink",
    "close",
];

/// Each line acknowledges what is committed.
pub fn write(dir: &Path) -> TestResult {
    let db = Database::open(dir.join("app.db"))?;
    // Where the test holds the lock, that is what this waits for.
    say("asks")?;
    db.create_record("one", 1)?;
    say("one")?;
    db.with_write_lock(|connection| {
        connection.execute_batch(
            "BEGIN IMMEDIATE;
             INSERT INTO records (name, value) VALUES ('pair', 1);
             INSERT INTO records (name, value) VALUES ('pair', 2);
             COMMIT",
        )
    })??;
    say("pair")?;
    db.checkpoint(CheckpointMode::Truncate)?;
    db.create_record("last", 1)?;
    say("last")?;
    db.close();
    say("closed")
}

/// Runs the role and kills it before its `number`th call of that name on a file of the directory. Gives what it has said, or
/// `None` when it has made no such call and lives.
fn kill_at(call: &str, number: u32, dir: &Path, held: bool) -> TestResult<Option<Vec<String>>> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
    for file in ["app.db", "app.db-wal", "app.db-shm", "app.db-journal", "db.lock"] {
        strace.arg("-P").arg(dir.join(file));
    }
    strace.arg(std::env::current_exe()?);
    let guard = if held { Some(WriteLocker::new(dir)?.acquire(PATIENCE)?) } else { None };
    let mut writer = OtherProcess::start_under(strace, "write step by step", dir, "")?;
    let mut said = Vec::new();
    while let Ok(line) = writer.line_within(PATIENCE) {
        said.push(line);
        if said.last().is_some_and(|line| line == "asks") && guard.is_some() {
            break;
        }
    }
    drop(guard);
    said.extend(writer.rest()?);
    Ok(said.iter().all(|line| line != "closed").then_some(said))
}

/// The next process has the lock and a sound database, with all that was acknowledged and nothing that is half done.
fn take_over(dir: &Path, said: &[String]) -> TestResult {
    let db = Database::open(dir.join("app.db"))?;
    db.create_record("next", 1)?;
    let mut count = BTreeMap::new();
    for record in db.records()? {
        *count.entry(record.name).or_insert(0) += 1;
    }
    let whole = BTreeMap::from([("one", 1), ("pair", 2), ("last", 1), ("next", 1)]);
    for (name, count) in &count {
        assert_eq!(whole.get(name.as_str()), Some(count), "{name}: {count}");
    }
    let acknowledged = said.iter().filter(|line| whole.contains_key(line.as_str())).count();
    for name in said.iter().filter(|line| whole.contains_key(line.as_str())) {
        assert!(count.contains_key(name), "{name} was acknowledged");
    }
    assert!(count.len() - 1 <= acknowledged + 1, "one write at most is on its way: {count:?}, {said:?}");
    assert_eq!(lock_text(dir)?, "");
    assert_sound(&db)
}

/// Is this program on the machine? If not, the reason why a test is skipped is printed; CI has to have them all.
fn has(program: &str) -> TestResult<bool> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found && std::env::var_os("CI").is_some() {
        return Err(format!("{program} is not installed").into());
    }
    if !found {
        println!("skipped: {program} is not installed");
    }
    Ok(found)
}

fn kill_everywhere(held: bool) -> TestResult {
    if !has("strace")? {
        return Ok(());
    }
    let mut kills = BTreeMap::new();
    for call in CALLS {
        for number in 1.. {
            let dir = tempfile::tempdir()?;
            let Some(said) = kill_at(call, number, dir.path(), held)? else { break };
            take_over(dir.path(), &said).map_err(|error| format!("{call} {number}: {error}"))?;
            kills.insert(call, number);
        }
    }
    println!("killed before each of these calls: {kills:?}");
    for call in ["openat", "flock", "fcntl", "pwrite64", "ftruncate", "fsync", "close"] {
        assert!(kills.contains_key(call), "{call} is made");
    }
    Ok(())
}

#[test]
fn a_writer_that_is_killed_before_any_call_leaves_the_lock_free_and_a_sound_database() -> TestResult {
    kill_everywhere(false)
}

#[test]
fn one_that_has_waited_for_the_lock_does_so_too() -> TestResult {
    kill_everywhere(true)
}
