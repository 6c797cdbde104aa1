//! Plain reads, on any connection: a reading one, or the writing one in a transaction.

#![forbid(unsafe_code)]

use rusqlite::{Connection, Statement};

use super::at_rest::AtRest;
use super::authorizer::{Authorizer, Mode};
use super::chunk::{Beside, Chunk, Kept, MAX_CELLS};
use super::description::Description;
use super::form::Form;
use super::raw::Values;
use super::refresh::refresh;
use super::rows::{self, Names};
use super::text::is_one_of;
use super::write::Parameter;
use super::{Error, Rows, raw, run};

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

/// Rows that another thread is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// None when there are no rows.
    pub(crate) chunks: Vec<Chunk<Kept>>,
}

impl Source<'_> {
    /// Runs a query for its first rows.
    ///
    /// # Errors
    /// [`Error::SyncWrite`] for a statement that writes.
    pub(crate) fn rows(&self, query: &Query<'_>, limit: usize) -> Result<Rows, Error> {
        self.run(query, |statement| rows::collect(statement, &self.names(query.sql), limit))
    }

    /// Runs a query and keeps its rows for another thread.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and for what JavaScript could not take in that form: [`Error::Inexact`], and `SQLITE_TOOBIG` for
    /// a text that is too long for a string.
    pub(crate) fn encoded(&self, query: &Query<'_>, form: Form) -> Result<Encoded, Error> {
        self.run(query, |statement| encode(statement, &self.names(query.sql), form))
    }

    /// Runs a query and hands its rows over in chunks, for as long as they are wanted. `columns` are the names that it had before.
    ///
    /// # Errors
    /// As [`encoded`](Self::encoded).
    pub(crate) fn hand_over<B: Beside>(
        &self,
        query: &Query<'_>,
        form: Form,
        chunk: &mut Chunk<B>,
        columns: &mut Columns,
        mut deliver: impl FnMut(&mut Columns, &mut Chunk<B>) -> bool,
    ) -> Result<(), Error> {
        self.run(query, |statement| {
            let names = self.names(query.sql);
            fill(statement, &names, Wanted { form, rows: MAX_CELLS }, chunk, columns, |columns, chunk| {
                Ok(deliver(columns, chunk))
            })
        })
    }

    /// Runs a query and hands its rows over to another thread, in chunks of at most so many rows.
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
            let deliver = |columns: &mut Columns, chunk: &mut Chunk<Kept>| {
                if self.at_rest.is_none_or(AtRest::holds) {
                    Ok(deliver(Encoded { columns: columns.names.clone(), chunks: vec![std::mem::take(chunk)] }))
                } else {
                    Err(Error::changed())
                }
            };
            let wanted = Wanted { form, rows: rows_in_chunk };
            fill(statement, &self.names(query.sql), wanted, &mut Chunk::default(), &mut Columns::default(), deliver)
        })
    }

    /// What a statement is. It is compiled, and not run.
    ///
    /// # Errors
    /// Those of compiling it.
    pub(crate) fn describe(&self, sql: &str) -> Result<Description, Error> {
        run::check(sql)?;
        // Compiling alone would not tell of a schema that another connection has changed.
        refresh(self.connection)?;
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
    statement.readonly() || statement.is_explain() != 0 || is_one_of(sql, &["PRAGMA"])
}

/// Runs a statement whose parameters are bound, and keeps its rows for another thread.
pub(super) fn encode(statement: &mut Statement<'_>, names: &Names<'_>, form: Form) -> Result<Encoded, Error> {
    let (mut columns, mut chunks) = (Columns::default(), Vec::new());
    let wanted = Wanted { form, rows: MAX_CELLS };
    fill(statement, names, wanted, &mut Chunk::default(), &mut columns, |_, chunk| {
        chunks.push(std::mem::take(chunk));
        Ok(true)
    })?;
    Ok(Encoded { columns: columns.names, chunks })
}

/// The names of the columns of a statement, which may change with the schema.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    /// Are they known to whoever takes the rows? For that one to say.
    pub(crate) delivered: bool,
}

impl Columns {
    fn update(&mut self, statement: &Statement<'_>, names: &Names<'_>) -> Result<(), Error> {
        if names.update(statement, &mut self.names)? {
            self.delivered = false;
        }
        Ok(())
    }
}

/// Which rows are wanted, and how many in a chunk.
#[derive(Clone, Copy)]
struct Wanted {
    form: Form,
    rows: usize,
}

/// Runs a statement and hands over its rows in chunks, for as long as they are wanted. The names of the columns are those of the
/// first row, since SQLite compiles a statement anew with its first step when the schema has changed.
fn fill<B: Beside>(
    statement: &mut Statement<'_>,
    names: &Names<'_>,
    wanted: Wanted,
    chunk: &mut Chunk<B>,
    columns: &mut Columns,
    mut deliver: impl FnMut(&mut Columns, &mut Chunk<B>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let writes = !statement.readonly();
    let mut rows = statement.raw_query();
    let mut next = rows.next()?;
    let Some(first) = next else {
        drop(rows);
        return columns.update(statement, names);
    };
    columns.update(first.as_ref(), names)?;
    let width = wanted.form.columns(columns.names.len());
    let mut left = wanted.form.rows();
    let mut values = None;
    chunk.clear();
    while let Some(row) = next {
        left -= 1;
        match &values {
            Some(values) => chunk.push_values(row, values, &columns.names, wanted.form)?,
            None => chunk.push_row(row, &columns.names, wanted.form)?,
        }
        if chunk.is_full(width) || chunk.rows() >= wanted.rows {
            if !deliver(columns, chunk)? {
                return Ok(());
            }
            chunk.clear();
        }
        if left == 0 {
            break;
        }
        next = rows.next()?;
        // To find the statement takes as long as some values of rusqlite: not worth it for one row.
        values = values.or_else(|| Values::of(names.connection, names.sql));
    }
    // One that writes has to come to its end.
    while writes && rows.next()?.is_some() {}
    if chunk.rows() > 0 {
        deliver(columns, chunk)?;
    }
    Ok(())
}
