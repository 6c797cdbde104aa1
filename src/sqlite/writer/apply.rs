//! One write: its statement, and what the statement has changed.

#![forbid(unsafe_code)]

use rusqlite::Statement;

use super::{Outcome, Writer, Written};
use crate::sqlite::interrupt::Interrupt;
use crate::sqlite::query;
use crate::sqlite::rows::Names;
use crate::sqlite::write::Write;
use crate::sqlite::{Error, records, run, text};

impl Writer {
    /// A write outside a batch and a transaction: a caller of its own, unless it is under a hold.
    pub(super) fn apply_plain(&self, write: &Write<'_>) -> Outcome {
        self.begin_caller_unless_held(false);
        self.apply(write)
    }

    /// Does a write of one statement.
    pub(super) fn apply(&self, write: &Write<'_>) -> Outcome {
        let (Write::Run { sql, parameters } | Write::Query { sql, parameters, .. }) = write else {
            return self.attempt(write);
        };
        match self.attempt(write) {
            Err(Error::Pragma { .. }) if !parameters.is_empty() => Err(run::too_many(parameters.len())),
            Err(Error::Pragma { name, argument }) => {
                let done = self.run_pragma((&name, &argument), sql, || self.attempt(write))?;
                let rows = matches!(write, Write::Query { .. }).then(Box::default);
                Ok(done.unwrap_or(Written { rows, ..Written::default() }))
            }
            outcome => outcome,
        }
    }

    fn attempt(&self, write: &Write<'_>) -> Outcome {
        let connection = &self.connection;
        let before = connection.total_changes();
        self.counters.next(connection);
        let mut rows = None;
        match write {
            Write::CreateRecord { name, value } => records::create(connection, name, *value)?,
            Write::UpdateRecord { id, value } => records::update(connection, *id, *value)?,
            Write::Run { sql, parameters } => run::run(connection, &self.authorizer, sql, parameters, run::step)?,
            Write::Query { sql, parameters, form } => {
                let names = Names { connection, authorizer: &self.authorizer, sql };
                let encode = |statement: &mut Statement<'_>| query::encode(statement, &names, *form);
                rows = Some(Box::new(run::run(connection, &self.authorizer, sql, parameters, encode)?));
            }
            Write::All(_) | Write::Exec { .. } | Write::Control(_) => return Err(Error::Malformed),
        }
        let (changes, inserts) = match write {
            Write::Run { sql, .. } | Write::Query { sql, .. } => text::effects(sql),
            _ => (true, true),
        };
        if changes {
            self.counters.counted();
        }
        Ok(Written {
            // What is no INSERT, UPDATE or DELETE leaves the count of the one before.
            changes: if changes && connection.total_changes() != before { connection.changes() } else { 0 },
            last_insert_rowid: if inserts { self.counters.inserted(connection) } else { 0 },
            rows,
        })
    }

    /// The writes of a batch that is all or nothing, in a transaction.
    pub(super) fn apply_all(&self, all: &[Write<'_>], interrupt: &Interrupt) -> Result<Vec<Written>, Error> {
        let apply = |(index, write)| {
            let written = interrupt.check().and_then(|()| self.apply(write));
            written.map_err(|source| Error::OfAll { index: Some(index), source: Box::new(source) })
        };
        all.iter().enumerate().map(apply).collect()
    }
}
