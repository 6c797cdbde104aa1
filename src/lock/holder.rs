//! The holder text of a lock file, `pid:<decimal>\ntime:<UTC>\n`, and what the system tells about
//! the process that it names.
//!
//! The text is for people. Only the kernel knows whether the lock is held.

#![forbid(unsafe_code)]

use chrono::{DateTime, Local, NaiveDateTime, SecondsFormat, Utc};

use crate::os;

/// Longest command line that is reported, in characters.
const COMMAND_MAX_CHARS: usize = 512;
/// No character takes more than four bytes.
const COMMAND_MAX_BYTES: u64 = 4 * 512;

/// Who holds the lock, as far as the text of the lock file and the system tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process id in the text.
    pub pid: u32,
    /// When the lock was taken; `None` when the writer's clock format is not ISO-8601.
    pub time: Option<DateTime<Utc>>,
    /// Is a process with this pid alive in our pid namespace? `None`: it cannot be told.
    pub alive: Option<bool>,
    /// Its command line, at most 512 characters; `None` when it is hidden or the process is gone.
    pub command: Option<String>,
    /// What the holder says it is doing.
    pub label: Option<String>,
}

impl Holder {
    /// Parses a holder text and looks its process up. `None` when the text names no process.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        let pid = field("pid")?;
        // Digits only: what `parse` takes besides, a plus sign, no implementation writes.
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let pid = pid.parse().ok().filter(|&pid| pid > 0 && i32::try_from(pid).is_ok())?;
        Some(Self {
            pid,
            time: field("time").and_then(|time| parse_time(&time)),
            alive: os::is_alive(pid),
            command: command_line(pid),
            label: field("label").filter(|label| !label.is_empty()),
        })
    }

    /// Now minus the time the lock was taken, in milliseconds; negative when the clock was set back
    /// since.
    #[must_use]
    pub fn age_ms(&self) -> Option<i64> {
        self.time.map(|time| (Utc::now() - time).num_milliseconds())
    }

    /// The time as JavaScript's `toISOString` writes it.
    #[must_use]
    pub fn iso_time(&self) -> Option<String> {
        self.time.map(iso)
    }
}

/// The text that this process writes into a lock file it has just taken.
pub(super) fn compose(label: Option<&str>) -> String {
    let mut text = format!("pid:{}\ntime:{}\n", std::process::id(), iso(Utc::now()));
    if let Some(label) = label {
        // One line, whatever a caller takes for a label: a further line could name another pid.
        let line: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text = format!("{text}label:{line}\n");
    }
    text
}

/// Makes the bytes of a lock file fit to be shown: valid UTF-8, trimmed, no control characters but
/// newlines.
pub(super) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // A terminal acts on control characters, and a lock file may come from anybody.
    text.trim().chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// ISO-8601 as the other implementations write it: with milli-, micro- or nanoseconds; `Z`, an
/// offset, or local time.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .and_then(|time| time.and_local_timezone(Local).earliest())
        .map(|time| time.to_utc())
}

/// A command line may have megabytes.
fn command_line(pid: u32) -> Option<String> {
    let command: String = clean(&os::command(pid, COMMAND_MAX_BYTES)?).chars().take(COMMAND_MAX_CHARS).collect();
    (!command.is_empty()).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(text: &str) -> Option<String> {
        Holder::parse(&format!("pid:1\ntime:{text}\n"))?.iso_time()
    }

    #[test]
    fn our_own_text_parses_to_ourselves() -> Result<(), &'static str> {
        let text = compose(Some("nightly import"));
        let holder = Holder::parse(&text).ok_or("no holder")?;
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(holder.alive, Some(true));
        assert_eq!(holder.label.as_deref(), Some("nightly import"));
        assert!(holder.age_ms().is_some_and(|age| (0..10_000).contains(&age)));
        assert_eq!(text, format!("pid:{}\ntime:{}\nlabel:nightly import\n", holder.pid, holder.iso_time().unwrap()));
        Ok(())
    }

    #[test]
    fn a_label_is_one_line_whatever_is_in_it() -> Result<(), &'static str> {
        let text = compose(Some("a\npid:1\r\x07"));
        assert_eq!(text.lines().count(), 3);
        assert_eq!(Holder::parse(&text).ok_or("no holder")?.label.as_deref(), Some("a pid:1"));
        Ok(())
    }

    #[test]
    fn the_clock_formats_of_other_languages_are_understood() {
        let expected = Some("2026-01-02T03:04:05.678Z".to_owned());
        assert_eq!(time_of("2026-01-02T03:04:05.678Z"), expected);
        assert_eq!(time_of("2026-01-02T03:04:05.678901+00:00"), expected);
        assert_eq!(time_of("2026-01-02T05:04:05.678901234+02:00"), expected);
        assert!(time_of("2026-01-02T03:04:05.678901").is_some());
        assert!(time_of("2026-01-02 03:04:05").is_some());
        assert_eq!(time_of("yesterday"), None);
        assert_eq!(time_of("1767323045"), None);
    }

    #[test]
    fn a_text_without_a_usable_pid_is_not_parsed() {
        for text in ["", "unknown", "pid:", "pid:abc", "pid:0", "pid:-1", "pid:+5", "pid:99999999999", "time:now"] {
            assert_eq!(Holder::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_not_alive() -> Result<(), Box<dyn std::error::Error>> {
        let mut child = std::process::Command::new("true").spawn()?;
        child.wait()?;
        let holder = Holder::parse(&format!("pid:{}\n", child.id())).ok_or("no holder")?;
        assert_eq!((holder.alive, holder.command), (Some(false), None));
        Ok(())
    }

    #[test]
    fn control_characters_and_broken_utf_8_do_not_reach_the_reader() {
        assert_eq!(clean(b"\x1b[31mpid:1\x07\nlabel:\xff\n"), "\u{FFFD}[31mpid:1\u{FFFD}\nlabel:\u{FFFD}");
    }
}

#[cfg(test)]
#[path = "holder_properties.rs"]
mod properties;
