//! Real processes for tests: the test binary runs itself again, told by environment variables what it is to be.
//!
//! Such a process tells what it does by lines on stdout and is told to go on by lines on stdin, so nobody sleeps to
//! meet anybody. It ends when its stdin does, which the death of the test brings about too, and [`OtherProcess`] kills
//! and reaps it whatever becomes of the test.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use sqlock::lock::LockOptions;
use sqlock::sqlite::Value;
use sqlock::{Database, WriteLocker};

pub type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Longest wait for something that is sure to come. Reached only when it does not.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long nothing has to happen to be called blocked. Longer would only slow the tests down.
const BLOCKED: Duration = Duration::from_millis(10);

/// Begins each line meant for the test; what else stands on stdout is the test harness of the other process.
pub const MARK: &str = "> ";

const ROLE: &str = "SQLOCK_TEST_ROLE";
const DIR: &str = "SQLOCK_TEST_DIR";
const DETAIL: &str = "SQLOCK_TEST_DETAIL";

/// What this process is, when a test has started it.
pub struct Role {
    pub name: String,
    /// The directory it works in.
    pub dir: PathBuf,
    /// A label, a count: what the role needs to know besides.
    pub detail: String,
}

impl Role {
    /// `None` in the process that runs the tests.
    pub fn of_this_process() -> TestResult<Option<Self>> {
        let Ok(name) = std::env::var(ROLE) else { return Ok(None) };
        let dir = std::env::var_os(DIR).ok_or("a role needs a directory")?.into();
        Ok(Some(Self { name, dir, detail: std::env::var(DETAIL)? }))
    }

    /// A locker for its directory; its detail is the label.
    pub fn locker(&self) -> TestResult<WriteLocker> {
        let label = Some(self.detail.clone()).filter(|label| !label.is_empty());
        Ok(WriteLocker::with_options(&self.dir, LockOptions { label, ..LockOptions::default() })?)
    }
}

/// The role of most: takes the lock, and gives it back when told to; takes it again when told to, and so on.
pub fn hold(locker: &WriteLocker) -> TestResult {
    loop {
        say("waiting")?;
        let guard = locker.acquire(PATIENCE)?;
        say("held")?;
        if !told_to_go_on()? {
            return Ok(());
        }
        guard.release()?;
        say("released")?;
        if !told_to_go_on()? {
            return Ok(());
        }
    }
}

/// Tells the test something: one line, in one write, so that a kill never leaves half of it.
pub fn say(line: &str) -> TestResult {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{MARK}{line}\n").as_bytes())?;
    Ok(stdout.flush()?)
}

/// Waits for a word of the test; `false` when there will be none.
pub fn told_to_go_on() -> TestResult<bool> {
    Ok(std::io::stdin().lock().read_line(&mut String::new())? > 0)
}

/// A process that a test has started.
pub struct OtherProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl OtherProcess {
    /// Starts this binary in a role; the test `other_process` of each binary plays it.
    pub fn start(role: &str, dir: &Path, detail: impl AsRef<OsStr>) -> TestResult<Self> {
        Self::start_under(Command::new(std::env::current_exe()?), role, dir, detail)
    }

    /// The same, with a command that runs this binary with the arguments that it gets.
    pub fn start_under(mut command: Command, role: &str, dir: &Path, detail: impl AsRef<OsStr>) -> TestResult<Self> {
        command.args(["other_process", "--exact", "--nocapture", "--quiet"]);
        Self::spawn(command.env(ROLE, role).env(DIR, dir).env(DETAIL, detail))
    }

    /// Starts a process that holds the lock of `dir`, and waits until it does.
    pub fn holding(dir: &Path) -> TestResult<Self> {
        let mut holder = Self::start("hold", dir, "")?;
        holder.wait_for("held")?;
        Ok(holder)
    }

    /// Starts any program that speaks in lines.
    pub fn spawn(command: &mut Command) -> TestResult<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let (sender, lines) = channel();
        // A pipe cannot be read with a time limit, a channel can: a test must not hang because a process does.
        std::thread::spawn(move || {
            let told =
                stdout.lines().map_while(Result::ok).filter_map(|line| Some(line.strip_prefix(MARK)?.to_owned()));
            told.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        Ok(Self { child, stdin, lines })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line, if there is one before `limit` has passed.
    pub fn line_within(&mut self, limit: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(limit)
    }

    /// Waits for this line, passing over others.
    pub fn wait_for(&mut self, expected: &str) -> TestResult {
        loop {
            match self.line_within(PATIENCE) {
                Ok(line) if line == expected => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(format!("process {} never says {expected:?}: {error}", self.pid()).into()),
            }
        }
    }

    /// Fails if it says something, or ends, where it has to wait. A slow machine makes it pass too easily, never fail.
    pub fn must_block(&mut self) -> TestResult {
        match self.line_within(BLOCKED) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(line) => Err(format!("process {} does not wait, it says {line:?}", self.pid()).into()),
            Err(RecvTimeoutError::Disconnected) => Err(format!("process {} does not wait, it ends", self.pid()).into()),
        }
    }

    /// Writes a line to its stdin.
    pub fn tell(&mut self, line: &str) -> TestResult {
        Ok(writeln!(self.stdin.as_mut().ok_or("no stdin")?, "{line}")?)
    }

    pub fn go_on(&mut self) -> TestResult {
        self.tell("go on")
    }

    /// Ends its stdin and waits for it to end well; the lines that nobody has read yet.
    pub fn finish(mut self) -> TestResult<Vec<String>> {
        drop(self.stdin.take());
        let rest = self.rest()?;
        let status = self.child.wait()?;
        if status.success() { Ok(rest) } else { Err(format!("process {} ends with {status}", self.pid()).into()) }
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) -> TestResult {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The lines up to the end of its stdout.
    pub fn rest(&mut self) -> TestResult<Vec<String>> {
        let mut rest = Vec::new();
        loop {
            match self.line_within(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(rest),
                Err(RecvTimeoutError::Timeout) => return Err(format!("process {} does not end", self.pid()).into()),
            }
        }
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.kill();
    }
}

/// What stands in the lock file of `dir`.
pub fn lock_text(dir: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(dir.join("db.lock"))
}

/// Fails when SQLite finds anything wrong with the file.
pub fn assert_sound(db: &Database) -> TestResult {
    assert_eq!(db.pragma("integrity_check")?.rows, [[Value::Text("ok".into())]]);
    Ok(())
}
