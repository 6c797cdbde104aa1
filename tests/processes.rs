//! The lock between real processes: who is refused, what they are told, and who gets it next.

mod support;

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use sqlock::lock::{Error, Holder};
use sqlock::{Database, DatabaseOptions, WriteLocker};
use support::{OtherProcess, PATIENCE, Role, TestResult, assert_sound, hold, lock_text, say, told_to_go_on};

/// How long a test waits where it is sure to be refused.
const SHORT: Duration = Duration::from_millis(20);

/// No test by itself: what this binary does when one of its tests runs it again.
#[test]
fn other_process() -> TestResult {
    let Some(role) = Role::of_this_process()? else { return Ok(()) };
    match role.name.as_str() {
        "hold" => hold(&role.locker()?),
        "hold a relative path" => hold_a_relative_path(&role),
        "try" => try_once(&role),
        "increment" => increment(&role),
        "create records" => create_records(&role),
        other => Err(format!("no role is called {other}").into()),
    }
}

fn hold_a_relative_path(role: &Role) -> TestResult {
    std::env::set_current_dir(role.dir.parent().ok_or("no parent")?)?;
    let locker = WriteLocker::new(role.dir.file_name().ok_or("no name")?)?;
    // The path was made absolute above; what it is relative to now must not matter.
    std::env::set_current_dir("/")?;
    hold(&locker)
}

fn try_once(role: &Role) -> TestResult {
    match role.locker()?.acquire(Duration::ZERO) {
        Ok(guard) => {
            say("granted")?;
            Ok(guard.release()?)
        }
        Err(Error::Timeout { holder, .. }) => {
            say(&format!("refused by {}", Holder::parse(&holder).ok_or("a text without a pid")?.pid))
        }
        Err(error) => Err(error.into()),
    }
}

fn increment(role: &Role) -> TestResult {
    let (locker, counter) = (role.locker()?, role.dir.join("counter"));
    say("ready")?;
    told_to_go_on()?;
    for _ in 0..role.detail.parse()? {
        let guard = locker.acquire(PATIENCE)?;
        let count: u64 = std::fs::read_to_string(&counter)?.parse()?;
        std::fs::write(&counter, (count + 1).to_string())?;
        guard.release()?;
    }
    Ok(())
}

fn create_records(role: &Role) -> TestResult {
    say("ready")?;
    told_to_go_on()?;
    let options = DatabaseOptions { timeout: PATIENCE, ..DatabaseOptions::default() };
    let db = Database::open_with(role.dir.join("data/app.db"), options)?;
    for value in 0..role.detail.parse()? {
        say(&db.create_record(&std::process::id().to_string(), value)?.to_string())?;
    }
    Ok(())
}

/// Starts `number` processes in one role, lets all go at once, and returns what each of them says.
fn all_at_once(number: usize, role: &str, dir: &Path, detail: &str) -> TestResult<Vec<Vec<String>>> {
    let mut processes: Vec<_> =
        (0..number).map(|_| OtherProcess::start(role, dir, detail)).collect::<Result<_, _>>()?;
    processes.iter_mut().try_for_each(|process| process.wait_for("ready"))?;
    processes.iter_mut().try_for_each(OtherProcess::go_on)?;
    processes.into_iter().map(OtherProcess::finish).collect()
}

/// The holder text of a refusal; an error for any other outcome.
fn refusal(locker: &WriteLocker, timeout: Duration) -> TestResult<String> {
    match locker.acquire(timeout) {
        Err(Error::Timeout { holder, .. }) => Ok(holder),
        other => Err(format!("not refused: {other:?}").into()),
    }
}

fn pid_in(text: &str) -> Option<u32> {
    Holder::parse(text).map(|holder| holder.pid)
}

#[test]
fn a_lock_held_by_another_process_is_refused_with_its_text_and_granted_when_it_lets_go() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    let text = lock_text(dir.path())?;
    let locker = WriteLocker::new(dir.path())?;

    let error = locker.acquire(SHORT).err().ok_or("granted")?;
    assert!(error.to_string().contains(&format!("holder: pid:{}\ntime:", holder.pid())), "{error}");
    assert!(
        matches!(&error, Error::Timeout { holder, timeout } if holder == text.trim() && *timeout == SHORT),
        "{error:?}"
    );
    assert_eq!(lock_text(dir.path())?, text, "who is refused must not touch the text");

    holder.go_on()?;
    holder.wait_for("released")?;
    locker.acquire(PATIENCE)?.release()?;
    holder.finish()?;
    Ok(())
}

#[test]
fn another_process_is_refused_while_this_one_holds() -> TestResult {
    let dir = tempfile::tempdir()?;
    let guard = WriteLocker::new(dir.path())?.acquire(PATIENCE)?;
    let said = OtherProcess::start("try", dir.path(), "")?.finish()?;
    assert_eq!(said, [format!("refused by {}", std::process::id())]);
    guard.release()?;
    assert_eq!(OtherProcess::start("try", dir.path(), "")?.finish()?, ["granted"]);
    Ok(())
}

#[test]
fn a_waiting_process_gets_the_lock_when_its_holder_lets_go() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    let mut waiter = OtherProcess::start("hold", dir.path(), "")?;
    waiter.wait_for("waiting")?;
    waiter.must_block()?;
    holder.go_on()?;
    waiter.wait_for("held")?;
    assert_eq!(pid_in(&lock_text(dir.path())?), Some(waiter.pid()));
    Ok(())
}

#[test]
fn increments_of_a_counter_under_the_lock_are_never_lost() -> TestResult {
    const PROCESSES: usize = 6;
    const INCREMENTS: usize = 200;
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("counter"), "0")?;
    all_at_once(PROCESSES, "increment", dir.path(), &INCREMENTS.to_string())?;
    assert_eq!(std::fs::read_to_string(dir.path().join("counter"))?, (PROCESSES * INCREMENTS).to_string());
    Ok(())
}

#[test]
fn processes_that_make_one_database_all_at_once_write_every_record() -> TestResult {
    const PROCESSES: usize = 6;
    const RECORDS: usize = 50;
    let dir = tempfile::tempdir()?;
    let said = all_at_once(PROCESSES, "create records", dir.path(), &RECORDS.to_string())?;
    let acknowledged = said.into_iter().flatten().map(|id| id.parse()).collect::<Result<Vec<i64>, _>>()?;
    assert_eq!(acknowledged.len(), PROCESSES * RECORDS);

    let db = Database::open(dir.path().join("data/app.db"))?;
    let records = db.records()?;
    assert_eq!(BTreeSet::from_iter(acknowledged), records.iter().map(|record| record.id).collect());
    let written: BTreeSet<_> = records.iter().map(|record| (&record.name, record.value)).collect();
    assert_eq!((records.len(), written.len()), (PROCESSES * RECORDS, PROCESSES * RECORDS));
    assert_sound(&db)
}

#[test]
fn a_released_lock_file_is_empty_and_stays_the_same_file() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    let held = std::fs::metadata(dir.path().join("db.lock"))?;
    assert!(held.len() > 0);

    holder.go_on()?;
    holder.wait_for("released")?;
    let released = std::fs::metadata(dir.path().join("db.lock"))?;
    assert_eq!((released.ino(), released.len()), (held.ino(), 0));

    holder.finish()?;
    WriteLocker::new(dir.path())?.acquire(PATIENCE)?.release()?;
    let last = std::fs::metadata(dir.path().join("db.lock"))?;
    assert_eq!((last.ino(), last.len()), (held.ino(), 0));
    Ok(())
}

#[test]
fn status_tells_pid_and_label_of_another_process_that_holds() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::start("hold", dir.path(), "nightly import")?;
    holder.wait_for("held")?;
    let locker = WriteLocker::new(dir.path())?;

    let status = locker.status()?;
    assert_eq!((status.locked, status.lock_path.as_path()), (true, locker.lock_path()));
    let seen = status.holder.ok_or("no holder")?;
    assert_eq!((seen.pid, seen.label.as_deref()), (holder.pid(), Some("nightly import")));

    holder.go_on()?;
    holder.wait_for("released")?;
    let status = locker.status()?;
    assert_eq!((status.locked, status.holder), (false, None));
    Ok(())
}

#[test]
fn status_tells_nothing_of_a_text_that_nobody_has_locked() -> TestResult {
    let dir = tempfile::tempdir()?;
    let leftover = format!("pid:{}\ntime:2026-01-02T03:04:05.678Z\n", std::process::id());
    std::fs::write(dir.path().join("db.lock"), &leftover)?;
    let status = WriteLocker::new(dir.path())?.status()?;
    assert_eq!((status.locked, status.holder), (false, None));
    assert_eq!(lock_text(dir.path())?, leftover, "who only looks must not write");
    Ok(())
}

#[test]
fn the_holder_text_is_a_pid_and_a_time_in_utc_and_nothing_else() -> TestResult {
    let dir = tempfile::tempdir()?;
    let holder = OtherProcess::holding(dir.path())?;
    let text = lock_text(dir.path())?;
    let time = text.strip_prefix(&format!("pid:{}\ntime:", holder.pid())).ok_or_else(|| text.clone())?;
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z\n");
    Ok(())
}

#[test]
fn a_relative_path_in_another_process_names_the_same_lock() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::start("hold a relative path", dir.path(), "")?;
    holder.wait_for("held")?;
    assert_eq!(pid_in(&refusal(&WriteLocker::new(dir.path())?, SHORT)?), Some(holder.pid()));
    Ok(())
}

#[test]
fn a_symbolic_link_to_the_directory_names_the_same_lock() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    std::fs::create_dir(&real)?;
    std::os::unix::fs::symlink(&real, &link)?;

    let mut holder = OtherProcess::holding(&link)?;
    assert_eq!(pid_in(&refusal(&WriteLocker::new(&real)?, SHORT)?), Some(holder.pid()));
    holder.go_on()?;
    holder.wait_for("released")?;

    let guard = WriteLocker::new(&real)?.acquire(PATIENCE)?;
    let said = OtherProcess::start("try", &link, "")?.finish()?;
    assert_eq!(said, [format!("refused by {}", std::process::id())]);
    guard.release()?;
    Ok(())
}

#[test]
fn flock_1_is_refused_while_we_hold_and_refuses_us_while_it_holds() -> TestResult {
    let dir = tempfile::tempdir()?;
    let locker = WriteLocker::new(dir.path())?;
    let try_flock =
        || -> io::Result<ExitStatus> { Command::new("flock").arg("-n").arg(locker.lock_path()).arg("true").status() };
    match try_flock() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("skipped: there is no flock(1) here");
            return Ok(());
        }
        free => assert!(free?.success()),
    }

    let guard = locker.acquire(PATIENCE)?;
    assert_eq!(try_flock()?.code(), Some(1));
    guard.release()?;
    assert!(try_flock()?.success());

    let mut command = Command::new("flock");
    command.arg(locker.lock_path()).args(["sh", "-c", "echo '> held'; read go_on"]);
    let mut holder = OtherProcess::spawn(&mut command)?;
    holder.wait_for("held")?;
    assert_eq!(refusal(&locker, SHORT)?, "unknown", "flock(1) writes no text");
    assert!(locker.status()?.locked);
    holder.tell("go on")?;
    locker.acquire(PATIENCE)?.release()?;
    holder.finish()?;
    Ok(())
}

#[test]
fn a_stopped_holder_delays_nobody_beyond_a_deadline_and_goes_on_when_continued() -> TestResult {
    const TIMEOUT: Duration = Duration::from_millis(200);
    let dir = tempfile::tempdir()?;
    let mut holder = OtherProcess::holding(dir.path())?;
    stop(&holder)?;
    // It does not read this before it is continued.
    holder.go_on()?;
    let mut waiter = OtherProcess::start("hold", dir.path(), "")?;
    waiter.wait_for("waiting")?;

    let asked = Instant::now();
    let text = refusal(&WriteLocker::new(dir.path())?, TIMEOUT)?;
    let late = asked.elapsed().checked_sub(TIMEOUT).ok_or("refused before the deadline")?;
    println!("refused {late:?} after the deadline");
    if late > Duration::from_millis(50) {
        eprintln!("slow: I4 promises a refusal 50 ms after the deadline at the latest");
    }
    assert!(late < Duration::from_secs(10));
    assert_eq!(pid_in(&text), Some(holder.pid()));
    waiter.must_block()?;

    kill_process(pid_of(&holder)?, Signal::CONT)?;
    holder.wait_for("released")?;
    waiter.wait_for("held")?;
    Ok(())
}

/// kill(2) returns before the threads of a process have stopped; the kernel tells its parent when they have.
fn stop(process: &OtherProcess) -> TestResult {
    let pid = pid_of(process)?;
    kill_process(pid, Signal::STOP)?;
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED)?.ok_or("no news of the child")?;
    if status.stopped() { Ok(()) } else { Err(format!("not stopped: {status:?}").into()) }
}

fn pid_of(process: &OtherProcess) -> TestResult<Pid> {
    Ok(Pid::from_raw(i32::try_from(process.pid())?).ok_or("no pid")?)
}

#[test]
fn a_lock_file_deleted_during_a_hold_is_made_anew_and_excludes() -> TestResult {
    the_file_that_is_there_excludes(|lock_path| std::fs::remove_file(lock_path))
}

#[test]
fn a_lock_file_that_took_the_place_of_a_held_one_excludes() -> TestResult {
    the_file_that_is_there_excludes(replace)
}

fn replace(lock_path: &Path) -> io::Result<()> {
    let other = lock_path.with_extension("new");
    std::fs::write(&other, "")?;
    std::fs::rename(other, lock_path)
}

/// The hold on the old file is lost to the eyes of others (I1); from then on there is one lock again.
fn the_file_that_is_there_excludes(lose: fn(&Path) -> io::Result<()>) -> TestResult {
    let dir = tempfile::tempdir()?;
    let locker = WriteLocker::new(dir.path())?;
    let mut first = OtherProcess::holding(dir.path())?;
    let old = std::fs::metadata(locker.lock_path())?.ino();
    lose(locker.lock_path())?;

    let mut second = OtherProcess::holding(dir.path())?;
    assert_ne!(std::fs::metadata(locker.lock_path())?.ino(), old);
    assert_eq!(pid_in(&refusal(&locker, SHORT)?), Some(second.pid()));

    first.go_on()?;
    first.wait_for("released")?;
    assert_eq!(pid_in(&refusal(&locker, SHORT)?), Some(second.pid()), "the old file was released, not this one");

    // The first one has kept the old file open, and must not take its lock again.
    first.go_on()?;
    first.wait_for("waiting")?;
    first.must_block()?;
    second.go_on()?;
    first.wait_for("held")?;
    assert_eq!(pid_in(&refusal(&locker, SHORT)?), Some(first.pid()));
    Ok(())
}

#[test]
fn who_waits_for_a_file_that_is_replaced_ends_up_on_the_one_that_is_there() -> TestResult {
    let (dir, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut first = OtherProcess::holding(dir.path())?;
    let mut waiter = OtherProcess::start("hold", dir.path(), "")?;
    waiter.wait_for("waiting")?;
    waiter.must_block()?;
    // Locked before it is moved here: the waiter never finds it free, however slowly it gets to its wait.
    let mut second = OtherProcess::holding(elsewhere.path())?;
    std::fs::rename(elsewhere.path().join("db.lock"), dir.path().join("db.lock"))?;

    first.go_on()?;
    first.wait_for("released")?;
    waiter.must_block()?;
    assert_eq!(pid_in(&lock_text(dir.path())?), Some(second.pid()));

    second.go_on()?;
    waiter.wait_for("held")?;
    assert_eq!(pid_in(&lock_text(dir.path())?), Some(waiter.pid()));
    Ok(())
}
