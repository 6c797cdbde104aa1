//! Plain reads, on whichever connection: the reading one, or the writing one in a transaction.

#![forbid(unsafe_code)]

use rusqlite::{Connection, Statement};

use super::at_rest::AtRest;
use super::authorizer::{Authorizer, Mode};
use super::batch::Parameter;
use super::chunk::{self, Chunk};
use super::form::Form;
use super::rows::{self, Names};
use super::single::{self, Columns, Single};
use super::{Error, Rows, connection, raw, records, run};

/// Where to read.
pub(crate) struct Source<'c> {
    pub(super) connection: &'c Connection,
    pub(super) authorizer: &'c Authorizer,
    /// For a connection that reads without locks: what it reads counts only as long as this holds.
    pub(super) at_rest: Option<&'c AtRest>,
}

/// A statement of a caller who reads, with its values.
pub(crate) struct Query<'q> {
    /// Its text.
    pub(crate) sql: &'q str,
    /// The values to bind.
    pub(crate) parameters: &'q [Parameter<'q>],
    /// Is it known to be a statement that reads, and no pragma?
    pub(crate) judged: bool,
}

/// Rows in the form of [`super::chunk`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// None when there are no rows.
    pub chunks: Vec<Vec<u8>>,
}

/// What a statement is.
#[derive(Debug, Default)]
pub(crate) struct Description {
    /// May it be given to a plain read?
    pub(crate) plain: bool,
    /// Does SQLite say that it cannot change the database?
    pub(crate) readonly: bool,
    /// The columns of its rows, if it returns any.
    pub(crate) columns: Vec<Column>,
}

/// A column of a statement: its name, and where its values come from, if that is a column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) origin: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) database: Option<String>,
    /// As it was declared.
    pub(crate) declared: Option<String>,
}

impl Source<'_> {
    /// Runs a query for its first rows.
    ///
    /// # Errors
    /// [`Error::SyncWrite`] for a statement that writes.
    pub(crate) fn rows(&self, query: &Query<'_>, limit: usize) -> Result<Rows, Error> {
        self.run(query, |statement| rows::collect(statement, &self.names(query.sql), limit))
    }

    /// Runs a query and encodes its rows.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and for what JavaScript could not take in that form: [`Error::Inexact`], and `SQLITE_TOOBIG` for
    /// a row that is too large for a chunk or a text that is too long for a string.
    pub(crate) fn encoded(&self, query: &Query<'_>, form: Form) -> Result<Encoded, Error> {
        self.run(query, |statement| encode(statement, &self.names(query.sql), form))
    }

    /// Runs a query and hands its rows over in chunks of at most so many rows, for as long as they are wanted.
    ///
    /// # Errors
    /// As [`encoded`](Self::encoded), and `SQLITE_BUSY_SNAPSHOT` when the database was changed under a read without locks.
    pub(crate) fn stream(
        &self,
        query: &Query<'_>,
        form: Form,
        rows_in_chunk: usize,
        mut deliver: impl FnMut(Encoded) -> bool,
    ) -> Result<(), Error> {
        self.run(query, |statement| {
            let deliver = |columns: &[String], chunk| {
                if self.at_rest.is_none_or(AtRest::holds) {
                    Ok(deliver(Encoded { columns: columns.to_vec(), chunks: vec![chunk] }))
                } else {
                    Err(Error::changed())
                }
            };
            fill(statement, &self.names(query.sql), form, rows_in_chunk, deliver).map(drop)
        })
    }

    /// What a statement is. It is compiled, and not run.
    ///
    /// # Errors
    /// Those of compiling it.
    pub(crate) fn describe(&self, sql: &str) -> Result<Description, Error> {
        run::check(sql)?;
        // Compiling alone would not tell of a schema that another connection has changed.
        connection::look(self.connection)?;
        let compile = |mode| self.authorizer.with(mode, || self.connection.prepare(sql));
        let (statement, judged) = match compile(Mode::Read).map_err(|error| self.authorizer.explain(error, sql)) {
            Err(Error::SyncWrite { .. }) => {
                match compile(Mode::Transaction).map_err(|error| self.authorizer.explain(error, sql)) {
                    // To compile it could set it.
                    Err(Error::Pragma { .. }) => return Ok(Description::default()),
                    compiled => (compiled?, false),
                }
            }
            compiled => (compiled?, true),
        };
        // It is not run here: whether it may use `last_insert_rowid()` and the like depends on where it is.
        self.authorizer.counted();
        Ok(Description {
            plain: judged && is_plain(&statement, sql),
            readonly: statement.readonly(),
            columns: raw::columns(self.connection, &statement, sql)?,
        })
    }

    /// The record with that id, if there is one.
    pub(crate) fn record(&self, id: i64) -> Result<Rows, Error> {
        records::get(self, id)
    }

    /// All records.
    pub(crate) fn records(&self) -> Result<Rows, Error> {
        records::get_all(self)
    }

    /// Runs a query for its first row, see [`single`]. `columns` are those that it had before.
    ///
    /// # Errors
    /// As [`encoded`](Self::encoded).
    pub(crate) fn first(
        &self,
        query: &Query<'_>,
        form: Form,
        columns: &mut Columns,
        room: &mut [u8],
    ) -> Result<Option<Single>, Error> {
        self.run(query, |statement| {
            let mut rows = statement.raw_query();
            let Some(row) = rows.next()? else { return Ok(None) };
            single::hand_over(row, &self.names(query.sql), columns, form, room).map(Some)
        })
    }

    /// The names of the columns of the statement of that text.
    pub(super) fn names<'n>(&'n self, sql: &'n str) -> Names<'n> {
        Names { connection: self.connection, authorizer: self.authorizer, sql }
    }

    /// Runs a statement that must be one that reads.
    fn run<T>(
        &self,
        query: &Query<'_>,
        mut work: impl FnMut(&mut Statement<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Query { sql, parameters, judged } = *query;
        let explain = |error| self.authorizer.explain(error, sql);
        let mut bound = |statement: &mut Statement<'_>| {
            run::bind(statement, parameters)?.map_err(explain)?;
            work(statement).map_err(|error| error.in_statement(sql))
        };
        if judged {
            return run::kept(self.connection, self.authorizer, sql, bound);
        }
        run::check(sql)?;
        let checked = |statement: &mut Statement<'_>| {
            if !is_plain(statement, sql) {
                return Err(Error::SyncWrite { sql: sql.to_owned() });
            }
            bound(statement)
        };
        self.authorizer.with(Mode::Read, || run::compiled(self.connection, self.authorizer, sql, checked))
    }
}

/// Does a statement read, if the authorizer had nothing against it? It has judged the pragmas: SQLite does not call all those
/// read-only that are, nor EXPLAIN.
fn is_plain(statement: &Statement<'_>, sql: &str) -> bool {
    statement.readonly() || statement.is_explain() != 0 || run::is_one_of(sql, &["PRAGMA"])
}

/// Runs a statement whose parameters are bound, and encodes its rows.
pub(super) fn encode(statement: &mut Statement<'_>, names: &Names<'_>, form: Form) -> Result<Encoded, Error> {
    let mut chunks = Vec::new();
    let columns = fill(statement, names, form, chunk::MAX_ROWS, |_, chunk| {
        chunks.push(chunk);
        Ok(true)
    })?;
    Ok(Encoded { columns, chunks })
}

/// Runs a statement and hands over its rows in chunks, for as long as they are wanted. Returns the names of the columns:
/// they are those of the first row, since SQLite compiles a statement anew with its first step when the schema has changed.
fn fill(
    statement: &mut Statement<'_>,
    names: &Names<'_>,
    form: Form,
    rows_in_chunk: usize,
    mut deliver: impl FnMut(&[String], Vec<u8>) -> Result<bool, Error>,
) -> Result<Vec<String>, Error> {
    let writes = !statement.readonly();
    let mut rows = statement.raw_query();
    let mut next = rows.next()?;
    let Some(first) = next else {
        drop(rows);
        return names.of(statement);
    };
    let columns = names.of(first.as_ref())?;
    let mut chunk = Chunk::new(form.columns(columns.len()), form.integers, rows_in_chunk);
    let mut left = form.rows();
    while let Some(row) = next {
        left -= 1;
        chunk.push_row(row, &columns)?;
        if chunk.is_full() && !deliver(&columns, chunk.take()?)? {
            return Ok(columns);
        }
        if left == 0 {
            break;
        }
        next = rows.next()?;
    }
    // One that writes has to come to its end.
    while writes && rows.next()?.is_some() {}
    if !chunk.is_empty() {
        deliver(&columns, chunk.take()?)?;
    }
    Ok(columns)
}
