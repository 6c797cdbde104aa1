//! A batch of writes: one transaction for all of them.
//!
//! A write that fails does not fail the others: SQLite undoes its statement, and the others stay.
//! Sometimes that cannot be relied on: the statement left something behind, the transaction ended
//! with it, or the COMMIT failed. Then the batch is rolled back and run again with a transaction
//! for each write.

#![forbid(unsafe_code)]

use std::time::Instant;

use super::outcomes::{of_all, refuse_all};
use super::{Atomic, HoldId, Limits, Outcome, TransactionId, Writer, Written};
use crate::sqlite::authorizer::Mode;
use crate::sqlite::interrupt::Interrupt;
use crate::sqlite::write::Write;
use crate::sqlite::{Error, raw, text};

impl Writer {
    /// Runs writes in their order until all are done or the time is over, the first one in any
    /// case. There is an outcome for each write that is done, and one for each of several that go
    /// together. After an error nothing of that write is in the file. All writes under one `hold`
    /// belong to one caller.
    pub(crate) fn run(
        &mut self,
        hold: Option<HoldId>,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        limits: Limits<'_>,
    ) -> Vec<Outcome> {
        let _armed = limits.interrupt.arm(&self.connection.brake);
        let outcomes = self.run_armed(hold, transaction, writes, limits);
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| limits.interrupt.explain(error))).collect()
    }

    fn run_armed(
        &mut self,
        hold: Option<HoldId>,
        transaction: Option<TransactionId>,
        writes: &[Write<'_>],
        limits: Limits<'_>,
    ) -> Vec<Outcome> {
        let ready = limits.interrupt.check().and_then(|()| self.clear()).and_then(|()| self.prepare(limits.interrupt));
        if let Err(error) = ready {
            return refuse_all(writes, &error);
        }
        self.call_under(hold);
        match (transaction, &self.open) {
            (Some(id), _) => {
                let authorizer = self.authorizer.clone();
                authorizer.with(Mode::Transaction, || self.run_in(id, writes, limits))
            }
            (None, None) => self.run_in_order(writes, limits),
            // Each lane of a DB sees to it that nothing else is written meanwhile.
            (None, Some(_)) => refuse_all(writes, &Error::Malformed),
        }
    }

    /// Takes away what others may have left, unless a transaction is open.
    pub(super) fn clear(&self) -> Result<(), Error> {
        if self.open.is_some() {
            return Ok(());
        }
        // Should a ROLLBACK ever have failed, the lock would be free and SQLite's own would not.
        self.roll_back();
        self.tidy()
    }

    /// A call under a hold, or under none, comes to the connection.
    pub(super) fn call_under(&mut self, hold: Option<HoldId>) {
        if self.hold != hold {
            self.begin_caller(true);
            self.hold = hold;
        }
    }

    fn run_in_order(&mut self, writes: &[Write<'_>], limits: Limits<'_>) -> Vec<Outcome> {
        let (mut left, mut outcomes) = (writes, Vec::with_capacity(writes.len()));
        while !left.is_empty() && (outcomes.is_empty() || Instant::now() < limits.until) {
            // One that has to be alone is: what stands before it and behind it have transactions of
            // their own.
            let together = left.iter().position(is_solitary).unwrap_or(left.len());
            let done = if together == 0 {
                outcomes.extend(self.run_alone(&left[0], limits.interrupt));
                1
            } else {
                let part = self.run_part(&left[..together], limits.until);
                let done = part.len();
                outcomes.extend(part);
                done
            };
            left = &left[done..];
        }
        outcomes
    }

    fn run_part(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let (start, saved) = (Instant::now(), self.counters.save(&self.connection));
        match self.run_together(writes, until) {
            Ok(Some(outcomes)) => outcomes,
            // With as much time again, or writes that fail would each cost a whole batch.
            Ok(None) => {
                self.counters.restore(&self.connection, &saved);
                self.run_apart(writes, until.max(Instant::now() + start.elapsed()))
            }
            Err(error) => refuse_all(writes, &error),
        }
    }

    /// One transaction for all. `None`: rolled back, to be run apart. An error: it could not even
    /// begin.
    fn run_together(&mut self, writes: &[Write<'_>], until: Instant) -> Result<Option<Vec<Outcome>>, Error> {
        let open = Atomic::begin(self)?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let before = open.0.connection.total_changes();
            let outcome = open.0.apply_plain(write);
            let relied_on = match &outcome {
                Err(error) => writes.len() > 1 && open.0.is_undone(write, error, before),
                // A deferred foreign key that is broken is an error of this write, even if a later
                // one repairs it.
                Ok(_) => writes.len() == 1 || !raw::has_broken_foreign_key(&open.0.connection),
            };
            if !relied_on {
                return Ok(alone(writes, outcome));
            }
            outcomes.push(outcome);
            if Instant::now() >= until {
                break;
            }
        }
        match open.commit() {
            Ok(()) => Ok(Some(outcomes)),
            Err(error) => Ok(alone(writes, Err(error))),
        }
    }

    /// Has SQLite undone all that a failed statement did, and nothing else? FAIL keeps what was
    /// done before the error, and the count of changes does not tell of what a trigger did; so
    /// where the word occurs, nothing is relied on.
    fn is_undone(&self, write: &Write<'_>, error: &Error, changes_before: u64) -> bool {
        const FAIL_IN_SCHEMA: &str = "SELECT 1 FROM sqlite_schema WHERE sql LIKE '%fail%' UNION ALL
            SELECT 1 FROM sqlite_temp_schema WHERE sql LIKE '%fail%' LIMIT 1";
        if error.is_of_the_text() {
            return true;
        }
        let connection = &self.connection;
        let in_text = matches!(write, Write::Run { sql, .. } | Write::Query { sql, .. } if sql.to_ascii_lowercase().contains("fail"));
        let in_schema = || connection.prepare_cached(FAIL_IN_SCHEMA).and_then(|mut statement| statement.exists([]));
        error.is_of_a_journaled_constraint()
            && !connection.is_autocommit()
            && connection.total_changes() == changes_before
            && !in_text
            && in_schema().is_ok_and(|found| !found)
    }

    /// Outside a transaction, or several in one of their own. There is an outcome for each of
    /// several.
    fn run_alone(&mut self, write: &Write<'_>, interrupt: &Interrupt) -> Vec<Outcome> {
        match write {
            Write::All(all) => {
                self.begin_caller_unless_held(true);
                let authorizer = self.authorizer.clone();
                let outcome = authorizer.with(Mode::Transaction, || self.run_all(all, interrupt));
                self.tidy_or_later();
                of_all(all, outcome)
            }
            Write::Exec { sql } => {
                self.begin_caller_unless_held(true);
                vec![self.exec(sql, interrupt).map(|()| Written::default())]
            }
            Write::Run { sql, .. } | Write::Query { sql, .. } if text::is_one_of(sql, &["VACUUM"]) => {
                vec![self.vacuum(|| self.apply_plain(write))]
            }
            _ => vec![self.settle(self.apply_plain(write))],
        }
    }

    fn run_all(&mut self, all: &[Write<'_>], interrupt: &Interrupt) -> Result<Vec<Written>, Error> {
        let open = Atomic::begin(self)?;
        let written = open.0.apply_all(all, interrupt)?;
        open.commit().map_err(|source| Error::OfAll { index: None, source: Box::new(source) })?;
        Ok(written)
    }

    /// A transaction for each.
    fn run_apart(&mut self, writes: &[Write<'_>], until: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(self.run_one(write));
            if Instant::now() >= until {
                break;
            }
        }
        outcomes
    }

    fn run_one(&mut self, write: &Write<'_>) -> Outcome {
        let open = Atomic::begin(self)?;
        let written = open.0.apply_plain(write)?;
        open.commit()?;
        Ok(written)
    }
}

fn is_solitary(write: &Write<'_>) -> bool {
    match write {
        Write::Run { sql, .. } | Write::Query { sql, .. } => text::is_solitary(sql),
        Write::All(_) | Write::Exec { .. } | Write::Control(_) => true,
        Write::CreateRecord { .. } | Write::UpdateRecord { .. } => false,
    }
}

/// The outcome of a batch of one, which would only fail again in the same way; `None` for others.
fn alone(writes: &[Write<'_>], outcome: Outcome) -> Option<Vec<Outcome>> {
    (writes.len() == 1).then(|| vec![outcome])
}
