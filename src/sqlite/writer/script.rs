//! Scripts: several statements in one text, all or nothing.
//!
//! A script runs in one transaction. Each BEGIN in it must have its COMMIT. Both are recognized by
//! their first word before anything runs, and are not executed. So the dump of a program can be
//! loaded, and also two dumps in one text. If SQLite reads a statement differently, its authorizer
//! refuses it.

#![forbid(unsafe_code)]

use rusqlite::Statement;

use super::{Atomic, BEGIN, Writer};
use crate::sqlite::authorizer::Mode;
use crate::sqlite::interrupt::Interrupt;
use crate::sqlite::pragma::{self, Kind};
use crate::sqlite::refresh::refresh;
use crate::sqlite::{Error, run, split, text};

/// A statement that is to be run.
#[derive(Clone, Copy)]
struct Step<'s> {
    text: &'s str,
    /// Is it a pragma or VACUUM, outside of a BEGIN and COMMIT of the script?
    is_apart: bool,
    /// Does a VACUUM follow?
    is_before_vacuum: bool,
}

impl Writer {
    /// Runs a script outside a transaction.
    pub(super) fn exec(&mut self, sql: &str, interrupt: &Interrupt) -> Result<(), Error> {
        let steps = self.plan(sql, true)?;
        let outcome = self.run_in_one(&steps, interrupt).and_then(|settings| {
            // The COMMIT was made, so they are not called off.
            let run = |step| self.run_step(step, &Interrupt::default());
            self.connection.brake.without(|| settings.into_iter().try_for_each(run))
        });
        self.settle(outcome)
    }

    /// Runs the steps in one transaction. Gives the settings at their end, which are to take effect
    /// after its COMMIT.
    fn run_in_one<'a, 's>(&mut self, steps: &'a [Step<'s>], interrupt: &Interrupt) -> Result<Vec<&'a Step<'s>>, Error> {
        // What another connection has made of the schema is not seen by compiling alone.
        refresh(&self.connection)?;
        let end = steps.iter().rposition(|step| !step.is_apart).map_or(0, |last| last + 1);
        let (steps, last) = steps.split_at(end);
        let open = Atomic(self);
        for step in steps {
            open.0.run_step(step, interrupt)?;
        }
        let mut settings = Vec::new();
        for step in last {
            if !open.0.connection.is_autocommit() && open.0.is_valid_setting(step)? {
                settings.push(step);
            } else {
                open.0.run_step(step, interrupt)?;
            }
        }
        if open.0.has_temp()? {
            return Err(Error::refused(
                "the script leaves a TEMP object, which ends with its transaction: drop it in the script, or use transaction()",
            ));
        }
        if !open.0.connection.is_autocommit() {
            open.commit()?;
        }
        Ok(settings)
    }

    /// Runs a script in the transaction of a caller.
    pub(super) fn exec_within(&self, sql: &str, interrupt: &Interrupt) -> Result<(), Error> {
        let steps = self.plan(sql, false)?;
        refresh(&self.connection)?;
        steps.iter().try_for_each(|step| self.run_step(step, interrupt))
    }

    /// The statements that are to be run. Each BEGIN must have its COMMIT, if there may be any.
    fn plan<'s>(&self, sql: &'s str, may_begin: bool) -> Result<Vec<Step<'s>>, Error> {
        run::check_nul(sql)?;
        let (mut steps, mut begun) = (Vec::<Step<'s>>::new(), false);
        for split::Part { text, keyword } in split::statements(sql) {
            let is = |words: &[&str]| words.iter().any(|word| keyword.eq_ignore_ascii_case(word));
            let is_of_pair = may_begin && if begun { is(&["COMMIT", "END"]) } else { is(&["BEGIN"]) };
            if is_of_pair {
                self.check_syntax(text)?;
                begun = !begun;
            } else if is(&["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]) {
                return Err(Error::TransactionControl { sql: text.to_owned() });
            } else {
                let is_vacuum = is(&["VACUUM"]);
                if let Some(before) = steps.last_mut() {
                    before.is_before_vacuum = is_vacuum;
                }
                steps.push(Step { text, is_apart: !begun && (is_vacuum || is(&["PRAGMA"])), is_before_vacuum: false });
            }
        }
        if begun { Err(Error::LeftOpen) } else { Ok(steps) }
    }

    fn check_syntax(&self, sql: &str) -> Result<(), Error> {
        let compiled = self.authorizer.with(Mode::Ourselves, || self.connection.prepare(sql).map(drop));
        compiled.map_err(|error| self.authorizer.explain(error, sql))
    }

    /// Runs a statement, in a transaction that is begun now if need be.
    fn run_step(&self, step: &Step<'_>, interrupt: &Interrupt) -> Result<(), Error> {
        interrupt.check()?;
        if !step.is_apart {
            self.begin_if_need_be()?;
        }
        match self.compile(step) {
            Ok(mut statement) => {
                if text::is_one_of(step.text, &["VACUUM"]) {
                    return self.vacuum(|| self.step(&mut statement, step.text));
                }
                self.begin_if_need_be()?;
                self.step(&mut statement, step.text)
            }
            Err(Error::Pragma { name, argument }) => {
                if step.is_before_vacuum && self.note_auto_vacuum(&name, &argument)? {
                    return Ok(());
                }
                if pragma::kind(&name) == Kind::Transaction || self.is_switch(&name, &argument) {
                    self.begin_if_need_be()?;
                }
                let run = || self.step(&mut self.connection.prepare(step.text)?, step.text);
                self.run_pragma((&name, &argument), step.text, run).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// Is it a pragma of a setting, with a value that it can have?
    fn is_valid_setting(&self, step: &Step<'_>) -> Result<bool, Error> {
        match self.compile(step) {
            Err(Error::Pragma { name, argument }) if pragma::kind(&name) == Kind::Setting => {
                self.with_setting(&name, &argument).map(|_| true)
            }
            _ => Ok(false),
        }
    }

    fn compile(&self, step: &Step<'_>) -> Result<Statement<'_>, Error> {
        let compiled = self.authorizer.with(Mode::Transaction, || self.connection.prepare(step.text));
        // The values of last_insert_rowid() and the like are the script's own.
        self.authorizer.counted();
        compiled.map_err(|error| self.authorizer.explain(error, step.text))
    }

    fn begin_if_need_be(&self) -> Result<(), Error> {
        if self.connection.is_autocommit() { self.control(BEGIN) } else { Ok(()) }
    }

    fn step(&self, statement: &mut Statement<'_>, sql: &str) -> Result<(), Error> {
        run::bind(statement, &[])??;
        // It was judged when it was compiled.
        let stepped = self.authorizer.with(Mode::Ourselves, || run::step(statement));
        stepped.map_err(|error| error.in_statement(sql))
    }
}
