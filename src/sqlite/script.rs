//! Scripts: several statements in one text, all or nothing.
//!
//! A script without transaction control runs in a transaction of ours. One that begins a transaction has to end it too.
//! Whose a statement is, is known only when it is compiled, and it can be compiled only when those before it have run; so
//! each is run as it comes, and what a script leaves open is rolled back.

#![forbid(unsafe_code)]

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement};

use super::authorizer::{Mode, Noted};
use super::interrupt::Interrupt;
use super::writer::{Atomic, BEGIN, Writer};
use super::{Error, connection, run};

impl Writer {
    /// Runs a script outside a transaction.
    pub(super) fn exec(&mut self, sql: &str, interrupt: &Interrupt) -> Result<(), Error> {
        let open = Atomic(self);
        if open.0.run_statements(sql, interrupt, false)? {
            return open.commit();
        }
        if open.0.connection.is_autocommit() { Ok(()) } else { Err(Error::LeftOpen) }
    }

    /// Runs a script in a transaction of ours, or begins one with the first statement that needs it. Says whether there is one.
    pub(super) fn run_statements(&self, sql: &str, interrupt: &Interrupt, mut ours: bool) -> Result<bool, Error> {
        run::check_nul(sql)?;
        // What another connection has made of the schema is not seen by compiling alone.
        connection::look(&self.connection)?;
        let mut statements = Batch::new(&self.connection, sql);
        loop {
            interrupt.check()?;
            let (compiled, noted) = self.authorizer.note(|| statements.next());
            let Some(mut statement) = compiled.map_err(|error| self.authorizer.explain(error, sql))? else { break };
            let theirs = !ours && !self.connection.is_autocommit();
            let refuse = || Err(Error::TransactionControl { sql: text(&statement) });
            match noted {
                Some(Noted::Begin) if ours || theirs => return refuse(),
                Some(Noted::Control) if !theirs => return refuse(),
                Some(_) => {}
                None if ours || theirs || run::is_one_of(&text(&statement), &["VACUUM"]) => {}
                None => {
                    self.control(BEGIN)?;
                    ours = true;
                }
            }
            self.step(&mut statement)?;
        }
        Ok(ours)
    }

    fn step(&self, statement: &mut Statement<'_>) -> Result<(), Error> {
        run::bind(statement, &[])??;
        // VACUUM attaches a database to work in, which a caller may not.
        let stepped = self.authorizer.with(Mode::Ourselves, || run::step(statement));
        stepped.map_err(|error| error.in_statement(&text(statement)))
    }
}

/// The text of one statement. Nothing is bound, so nothing is expanded.
fn text(statement: &Statement<'_>) -> String {
    statement.expanded_sql().unwrap_or_default()
}
