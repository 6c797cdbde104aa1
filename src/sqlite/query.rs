//! Plain reads.

#![forbid(unsafe_code)]

use rusqlite::{Connection, Statement};

use super::authorizer::{Authorizer, Mode};
use super::batch::Parameter;
use super::{Error, Rows, pragma, records, rows, run};

/// A plain read.
#[derive(Clone, Debug)]
pub(crate) enum Read<'b> {
    /// A statement of a caller.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "a Rust program has rusqlite for its queries"))]
    Query {
        /// Its text.
        sql: &'b str,
        /// The values to bind.
        parameters: Vec<Parameter<'b>>,
        /// How many rows to read at most.
        limit: usize,
    },
    /// What stands behind the word `PRAGMA`.
    Pragma(&'b str),
    /// The record with this id.
    Record(i64),
    /// All records.
    Records,
}

impl Read<'_> {
    /// # Errors
    /// [`Error::SyncWrite`] for a statement that writes.
    pub(super) fn on(&self, connection: &Connection, authorizer: &Authorizer) -> Result<Rows, Error> {
        match self {
            Self::Query { sql, parameters, limit } => query(connection, authorizer, sql, parameters, *limit),
            Self::Pragma(source) => pragma::read(connection, authorizer, source),
            Self::Record(id) => records::get(connection, *id),
            Self::Records => records::get_all(connection),
        }
    }
}

/// Runs a statement that must be one that reads.
pub(super) fn query(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    parameters: &[Parameter<'_>],
    limit: usize,
) -> Result<Rows, Error> {
    run::check(sql)?;
    let explain = |error| authorizer.explain(error, sql);
    let work = |statement: &mut Statement<'_>| {
        // A pragma was judged by the authorizer: SQLite does not call all those read-only that are, nor EXPLAIN.
        let reads = statement.readonly() || statement.is_explain() != 0 || run::is_one_of(sql, &["PRAGMA"]);
        if !reads {
            return Err(Error::SyncWrite { sql: sql.to_owned() });
        }
        run::bind(statement, parameters)?.map_err(explain)?;
        rows::collect(statement, limit).map_err(explain)
    };
    authorizer.with(Mode::Read, || run::compiled(connection, sql, work)).map_err(explain)?
}
