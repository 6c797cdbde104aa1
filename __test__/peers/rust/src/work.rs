//! Inserts until stdin ends, each under a hold that leaves evidence: see `../../../stress/README.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use chrono::Utc;

use crate::{Result, TIMEOUT, WriteLock, granted, insert_record};

pub fn work(dir: &Path, name: &str, evidence: &Path) -> Result<()> {
    let append = |file: &str| OpenOptions::new().append(true).create(true).open(evidence.join(file));
    let (mut journal, mut notes) = (append("journal")?, append(&format!("notes-{name}"))?);
    let counter = OpenOptions::new().read(true).write(true).open(evidence.join("counter"))?;
    println!("ready");
    let (alive, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _alive = alive;
        io::copy(&mut io::stdin(), &mut io::sink())
    });
    for n in 0.. {
        let pause = Duration::from_micros(u64::from(Utc::now().timestamp_subsec_nanos() % 30_000));
        if ended.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
        let key = format!("{name}-{n}");
        let outcome = match granted(WriteLock::acquire(dir, TIMEOUT))? {
            Ok(_lock) => witnessed(name, &mut journal, &counter, || insert_record(&dir.join("app.db"), &key, n))?,
            Err(_) => {
                notes.write_all(format!("- {key} timeout\n").as_bytes())?;
                continue;
            }
        };
        match outcome {
            Ok(()) => notes.write_all(format!("+ {key}\n").as_bytes())?,
            Err(err) if err.is::<rusqlite::Error>() => notes.write_all(format!("? {key} {err}\n").as_bytes())?,
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Gives what `body` came to; an error of its own says that there is no evidence.
fn witnessed(
    name: &str,
    journal: &mut File,
    counter: &File,
    body: impl FnOnce() -> Result<()>,
) -> io::Result<Result<()>> {
    let mut text = [0; 12];
    counter.read_exact_at(&mut text, 0)?;
    let value: u64 = String::from_utf8_lossy(&text).parse().map_err(io::Error::other)?;
    // Each a single write, so that a kill leaves none of them in part.
    journal.write_all(format!("enter {name} {value}\n").as_bytes())?;
    let outcome = body();
    counter.write_all_at(format!("{:012}", value + 1).as_bytes(), 0)?;
    journal.write_all(format!("leave {name} {}\n", value + 1).as_bytes())?;
    Ok(outcome)
}
