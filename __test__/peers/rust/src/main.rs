//! A writer that shares db.lock with sqlock: the fs2 crate, polled, and rusqlite. See ../README.md.

mod work;

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::Utc;
use fs2::FileExt as _;
use rusqlite::Connection;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TIMEOUT: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// Somebody else had the lock at every attempt; who, is what db.lock said at the last one.
#[derive(Debug)]
struct LockTimeout {
    pid: u32,
    since: String,
}

impl fmt::Display for LockTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write lock timeout, held by pid {} since {}", self.pid, self.since)
    }
}

impl Error for LockTimeout {}

/// A held lock.
struct WriteLock(File);

impl WriteLock {
    fn acquire(dir: &Path, timeout: Duration) -> Result<Self> {
        let path = dir.join("db.lock");
        let deadline = Instant::now() + timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(lock) = Self::attempt(&path)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(read_holder(&path)?.into());
            }
            sleep(pause);
            pause = LAST_PAUSE.min(pause * 2);
        }
    }

    /// Rust opens all files with `O_CLOEXEC`.
    fn attempt(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock_exclusive() {
            Err(err) if err.kind() == fs2::lock_contended_error().kind() => return Ok(None),
            outcome => outcome?,
        }
        // What was deleted meanwhile is locked for nobody.
        let ours = file.metadata()?;
        if !fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(None);
        }
        let lock = Self(file);
        // A killed holder may have left a longer text.
        lock.0.set_len(0)?;
        let text = format!("pid:{}\ntime:{}\n", process::id(), Utc::now().to_rfc3339());
        // The text is for people: a disk without room for it does not fail the hold.
        let _ = lock.0.write_all_at(text.as_bytes(), 0);
        Ok(Some(lock))
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        let released = self.0.set_len(0).and_then(|()| fs2::FileExt::unlock(&self.0));
        if let Err(err) = released {
            eprintln!("release: {err}");
        }
    }
}

fn read_holder(path: &Path) -> io::Result<LockTimeout> {
    let text = match fs::read_to_string(path) {
        // Whoever deletes it does so under the lock, and the next holder makes it anew.
        Err(err) if err.kind() == io::ErrorKind::NotFound => String::new(),
        outcome => outcome?,
    };
    let field = |name| text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name);
    Ok(LockTimeout {
        pid: field("pid").and_then(|(_, pid)| pid.parse().ok()).unwrap_or(0),
        since: field("time").map_or_else(String::new, |(_, time)| time.to_owned()),
    })
}

fn hold(dir: &Path, timeout: Duration) -> Result<()> {
    let lock = WriteLock::acquire(dir, timeout)?;
    stop_at("held")?;
    drop(lock);
    println!("released");
    Ok(())
}

fn try_lock(dir: &Path, timeout: Duration) -> Result<()> {
    match granted(WriteLock::acquire(dir, timeout))? {
        Ok(_lock) => println!(r#"{{"granted":true}}"#),
        Err(LockTimeout { pid, since }) => println!(r#"{{"granted":false,"pid":{pid},"since":"{since}"}}"#),
    }
    Ok(())
}

/// Tells the timeout from the errors.
fn granted<T>(outcome: Result<T>) -> Result<std::result::Result<T, LockTimeout>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(err) => err.downcast::<LockTimeout>().map(|timeout| Err(*timeout)),
    }
}

fn count(dir: &Path, times: u32) -> Result<()> {
    stop_at("ready")?;
    let mut timeouts = 0;
    for _ in 0..times {
        let _lock = loop {
            match granted(WriteLock::acquire(dir, TIMEOUT))? {
                Ok(lock) => break lock,
                Err(_) => timeouts += 1,
            }
        };
        increment(dir)?;
    }
    println!(r#"{{"timeouts":{timeouts}}}"#);
    Ok(())
}

fn increment(dir: &Path) -> Result<()> {
    let (counter, inside) = (dir.join("counter"), dir.join("inside"));
    File::create_new(&inside)?;
    let value: u32 = fs::read_to_string(&counter)?.parse()?;
    sleep(Duration::from_micros(500));
    fs::write(&counter, (value + 1).to_string())?;
    Ok(fs::remove_file(&inside)?)
}

fn insert(dir: &Path, name: &str, count: u32) -> Result<()> {
    stop_at("ready")?;
    let (mut timeouts, mut written, mut max_wait) = (0, Vec::new(), Duration::ZERO);
    for value in 0..count {
        sleep(Duration::from_micros(5_000 + u64::from(Utc::now().timestamp_subsec_nanos() % 10_000)));
        let called = Instant::now();
        let Ok(_lock) = granted(WriteLock::acquire(dir, TIMEOUT))? else {
            timeouts += 1;
            continue;
        };
        max_wait = max_wait.max(called.elapsed());
        insert_record(&dir.join("app.db"), name, value)?;
        written.push(value);
    }
    let ms = max_wait.as_secs_f64() * 1000.0;
    println!(r#"{{"timeouts":{timeouts},"written":{written:?},"maxWaitMs":{ms}}}"#);
    Ok(())
}

fn insert_record(path: &Path, name: &str, value: u32) -> Result<()> {
    let db = Connection::open(path)?;
    db.execute("INSERT INTO records (name, value) VALUES (?1, ?2)", (name, value))?;
    db.close().map_err(|(_, err)| err.into())
}

/// Says how far it has got, and goes on at a line of stdin or at its end.
fn stop_at(point: &str) -> io::Result<()> {
    println!("{point}");
    io::stdin().read_line(&mut String::new()).map(|_| ())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ms = |text: &str| text.parse().map(Duration::from_millis);
    match args[..] {
        ["hold", dir] => hold(dir.as_ref(), TIMEOUT),
        ["hold", dir, timeout] => hold(dir.as_ref(), ms(timeout)?),
        ["try", dir, timeout] => try_lock(dir.as_ref(), ms(timeout)?),
        ["count", dir, times] => count(dir.as_ref(), times.parse()?),
        ["insert", dir, name, count] => insert(dir.as_ref(), name, count.parse()?),
        ["work", dir, name, evidence] => work::work(dir.as_ref(), name, evidence.as_ref()),
        _ => Err(format!("no command {args:?}").into()),
    }
}
