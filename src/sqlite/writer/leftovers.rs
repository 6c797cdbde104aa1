//! What a statement of a caller may leave on the writing connection: settings, which then hold for
//! all connections, and nothing else. TEMP objects and the pragmas of one connection end with their
//! transaction.

#![forbid(unsafe_code)]

use super::Writer;
use crate::sqlite::authorizer::Mode;
use crate::sqlite::layout::{self, AUTO_VACUUM, AutoVacuum};
use crate::sqlite::pragma::{self, Kind};
use crate::sqlite::settings::Settings;
use crate::sqlite::{Error, split};

/// SQLite deletes all TEMP objects when this value changes:
/// <https://www.sqlite.org/pragma.html#pragma_temp_store>.
const DROP_TEMP: &str = "PRAGMA temp_store = FILE; PRAGMA temp_store = DEFAULT";
/// `defer_foreign_keys` SQLite itself turns off at each COMMIT and ROLLBACK.
const END_PRAGMAS: &str = "PRAGMA legacy_alter_table = OFF; PRAGMA writable_schema = RESET";

impl Writer {
    /// Runs a pragma that the authorizer has refused, if it may take effect here. `run` runs a
    /// pragma of this connection. A setting is applied to all connections and has no rows: `None`.
    pub(super) fn run_pragma<T>(
        &self,
        (name, argument): (&str, &str),
        sql: &str,
        run: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let settings = self.permit(name, argument, sql).map_err(|error| error.in_statement(sql))?;
        match settings {
            Some(settings) => self.give(settings).map(|()| None),
            None => self.authorizer.with(Mode::Ourselves, run).map(Some),
        }
    }

    /// May a setting get this value? Gives what the connection has afterwards.
    pub(super) fn with_setting(&self, name: &str, argument: &str) -> Result<Settings, Error> {
        self.leftovers.settings.get().with(name, argument)
    }

    /// May a pragma have its effect here? Gives the settings with it, if it is one.
    fn permit(&self, name: &str, argument: &str, sql: &str) -> Result<Option<Settings>, Error> {
        let mut parts = split::statements(sql);
        // A pragma takes effect when it is compiled, whatever the rest of the text says.
        if !parts.next().is_some_and(|part| part.keyword.eq_ignore_ascii_case("PRAGMA")) || parts.next().is_some() {
            return Err(Error::misuse(
                "a PRAGMA that sets something must be the one statement of a text, without EXPLAIN",
            ));
        }
        let refuse = |why| Err(Error::refused(&format!("PRAGMA {name} is refused: {why}")));
        let changes_nothing = || {
            let ask = || pragma::has_value(&self.connection, name, argument);
            self.authorizer.with(Mode::Ourselves, ask).unwrap_or(false)
        };
        let (settings, is_open) = (self.leftovers.settings.get(), !self.connection.is_autocommit());
        match pragma::kind(name) {
            Kind::Setting => match settings.with(name, argument)? {
                changed if is_open && changed != settings => refuse(
                    "in a transaction it has no effect, or one that a rollback does not undo. \
                     Use run() before the transaction; in migrate() foreignKeys: false",
                ),
                changed => Ok(Some(changed)),
            },
            Kind::Transaction if is_open => {
                self.leftovers.pragmas.set(true);
                Ok(None)
            }
            Kind::Transaction | Kind::Refused(_) if changes_nothing() || self.is_switch(name, argument) => Ok(None),
            Kind::Transaction => {
                refuse("its value ends with the transaction: use it in transaction(), begin(), batch() or exec()")
            }
            Kind::Refused(why) | Kind::RefusedWork(why) => refuse(why),
            Kind::Reads | Kind::File | Kind::Works => Ok(None),
        }
    }

    /// Is it an `auto_vacuum` that the file can get without a VACUUM?
    pub(super) fn is_switch(&self, name: &str, argument: &str) -> bool {
        let ask = || layout::is_switch(&self.connection, argument);
        name == AUTO_VACUUM && self.authorizer.with(Mode::Ourselves, ask).unwrap_or(false)
    }

    /// Notes what the VACUUM that follows is to make of the file, if the pragma says so.
    pub(super) fn note_auto_vacuum(&self, name: &str, argument: &str) -> Result<bool, Error> {
        if name != AUTO_VACUUM {
            return Ok(false);
        }
        let mode = AutoVacuum::of(argument);
        let mode = mode.ok_or_else(|| Error::misuse("PRAGMA auto_vacuum takes NONE, FULL or INCREMENTAL"))?;
        self.leftovers.auto_vacuum.set(Some(mode));
        Ok(true)
    }

    /// Runs a VACUUM. It attaches a database to work in, which a caller may not.
    pub(super) fn vacuum<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let auto_vacuum = self.leftovers.auto_vacuum.take();
        self.authorizer.with(Mode::Ourselves, || layout::vacuum(&self.connection, auto_vacuum, run))
    }

    /// Are there TEMP objects?
    pub(super) fn has_temp(&self) -> Result<bool, Error> {
        self.note_temp();
        let ask = || self.connection.prepare("SELECT 1 FROM sqlite_temp_schema LIMIT 1")?.exists([]);
        Ok(self.leftovers.temp.get() && ask()?)
    }

    /// Turns foreign keys off until the transaction that is about to begin has ended, for the
    /// writing connection alone.
    pub(super) fn turn_foreign_keys_off(&self) -> Result<(), Error> {
        self.give(self.leftovers.settings.get().without_foreign_keys())
    }

    /// Work of a caller has ended outside of a transaction. If it succeeded, its settings hold for
    /// all connections.
    pub(super) fn settle<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.is_ok() {
            self.leftovers.in_force.set(self.leftovers.settings.get());
        }
        self.tidy_or_later();
        outcome
    }

    /// The same after a COMMIT, which must not be reported as an error. If it fails, it is tried
    /// again before the next use of the connection.
    pub(super) fn tidy_or_later(&self) {
        let _ = self.tidy();
    }

    /// Removes what must not outlive a transaction. Call it outside of a transaction.
    pub(super) fn tidy(&self) -> Result<(), Error> {
        let left = &self.leftovers;
        self.note_temp();
        left.auto_vacuum.take();
        if left.temp.get() {
            self.run_ours(DROP_TEMP)?;
            left.temp.set(false);
        }
        if left.pragmas.get() {
            self.run_ours(END_PRAGMAS)?;
            left.pragmas.set(false);
        }
        self.give(left.in_force.get())
    }

    fn note_temp(&self) {
        if self.authorizer.take_temp() {
            self.leftovers.temp.set(true);
        }
    }

    fn give(&self, settings: Settings) -> Result<(), Error> {
        let before = self.leftovers.settings.get();
        if settings != before {
            let apply = || self.authorizer.with(Mode::Ourselves, || settings.apply(&self.connection, before));
            self.connection.brake.without(apply)?;
            self.leftovers.settings.set(settings);
        }
        Ok(())
    }

    /// Not among the statements that are kept: these pragmas take effect when they are compiled.
    fn run_ours(&self, sql: &str) -> Result<(), Error> {
        self.connection
            .brake
            .without(|| self.authorizer.with(Mode::Ourselves, || self.connection.execute_batch(sql)))?;
        Ok(())
    }
}
