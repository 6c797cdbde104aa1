//! A write: what a caller asks the writing connection to do.

#![forbid(unsafe_code)]

use rusqlite::types::ValueRef;

use super::Form;

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Write<'b> {
    /// Inserts a record; results in its id.
    CreateRecord {
        /// Its name.
        name: &'b str,
        /// Its value.
        value: i64,
    },
    /// Sets the value of a record; results in the number of records that have this id.
    UpdateRecord {
        /// Its id.
        id: i64,
        /// Its new value.
        value: i64,
    },
    /// Runs a statement.
    Run {
        /// Its text.
        sql: &'b str,
        /// The values to bind.
        parameters: Vec<Parameter<'b>>,
    },
    /// Runs a statement and keeps the rows that it returns.
    Query {
        /// Its text.
        sql: &'b str,
        /// The values to bind.
        parameters: Vec<Parameter<'b>>,
        /// Which of them, and how.
        form: Form,
    },
    /// All of these or nothing, in a transaction of their own.
    All(Vec<Self>),
    /// Runs a script.
    Exec {
        /// Its text.
        sql: &'b str,
    },
    /// Begins or ends something.
    Control(Control),
}

/// The steps of an open transaction, which an id tells from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Begins it.
    Begin,
    /// Ends it and keeps what was done.
    Commit,
    /// Ends it and undoes what was done.
    Rollback,
    /// Begins a savepoint in it.
    Savepoint,
    /// Ends the last savepoint and keeps what was done since.
    Release,
    /// Ends the last savepoint and undoes what was done since.
    Undo,
    /// Begins it with foreign keys off, which are as before when it has ended.
    BeginWithoutForeignKeys,
}

/// A value to bind, by position or by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter<'b> {
    /// With or without the prefix.
    pub name: Option<&'b str>,
    /// The value.
    pub value: ValueRef<'b>,
}
