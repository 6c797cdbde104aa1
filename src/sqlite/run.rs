//! Running one statement of a caller.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement, StatementStatus};

use super::authorizer::Authorizer;
use super::refresh::refresh;
use super::text::{is_kept, is_one_of, skip_comments};
use super::write::Parameter;
use super::{Error, counters};

/// Compiles a statement, binds its parameters and does `work` with it.
pub(super) fn run<T>(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    parameters: &[Parameter<'_>],
    mut work: impl FnMut(&mut Statement<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    check(sql)?;
    let explain = |error| authorizer.explain(error, sql);
    compiled(connection, authorizer, sql, |statement| {
        bind(statement, parameters)?.map_err(explain)?;
        work(statement).map_err(|error| error.in_statement(sql))
    })
}

/// Refuses a text that SQLite would take for another one.
pub(super) fn check(sql: &str) -> Result<(), Error> {
    check_nul(sql)?;
    if skip_comments(sql).is_empty() {
        return Err(Error::misuse("the text has no statement in it").in_statement(sql));
    }
    Ok(())
}

/// SQLite would run what stands before a NUL.
pub(super) fn check_nul(sql: &str) -> Result<(), Error> {
    if sql.contains('\0') { Err(Error::Parameters("the statement has a NUL in it".into())) } else { Ok(()) }
}

/// Compiles a statement, or takes it from those that are kept, and does `work` with it.
pub(super) fn compiled<T>(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    mut work: impl FnMut(&mut Statement<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    if is_kept(sql) {
        return kept(connection, authorizer, sql, work);
    }
    if is_one_of(sql, &["PRAGMA"]) {
        // Some give what the connection knows of the file, such as its auto_vacuum, and do not read it.
        refresh(connection)?;
    }
    let compiled = up_to_date(connection, || connection.prepare(sql));
    let mut statement = compiled.map_err(|error| authorizer.explain(error, sql))?;
    counters::check(connection, authorizer, &statement, sql)?;
    let done = work(&mut statement);
    authorizer.counted();
    done
}

/// The same for a statement that [`is_kept`]. SQLite compiles it by itself in `work` when the schema has changed.
pub(super) fn kept<T>(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    mut work: impl FnMut(&mut Statement<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    retried(connection, |refused| {
        kept_once(connection, authorizer, sql, |statement| watched(statement, refused, &mut work))?
    })
}

fn kept_once<T>(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    work: impl FnOnce(&mut Statement<'_>) -> T,
) -> Result<T, Error> {
    let compiled = up_to_date(connection, || connection.prepare_cached(sql));
    let mut statement = compiled.map_err(|error| authorizer.explain(error, sql))?;
    let checked = counters::check(connection, authorizer, &statement, sql);
    let done = checked.map(|counts| (work(&mut statement), counts));
    // SQLite names the functions of a statement only when it compiles it. One that may not run for every caller is compiled again
    // for the next one.
    if !matches!(done, Ok((_, false))) || !authorizer.counted().0.is_empty() {
        statement.discard();
    }
    done.map(|(done, _)| done)
}

/// Does `work` with a kept statement, and notes whether SQLite refused to compile it anew.
pub(super) fn watched<T>(
    statement: &mut Statement<'_>,
    refused: &mut bool,
    work: impl FnOnce(&mut Statement<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let steps = |statement: &Statement<'_>| statement.get_status(StatementStatus::VmStep);
    let before = steps(statement);
    let outcome = work(statement);
    *refused = outcome.as_ref().is_err_and(Error::is_general) && steps(statement) == before;
    outcome
}

/// Runs a kept statement, and runs it once more when SQLite refused to compile it anew. SQLite compiles it by the schema that
/// the connection knows, and another connection may have changed the schema again. Such a statement has not run.
pub(super) fn retried<T>(
    connection: &Connection,
    mut run: impl FnMut(&mut bool) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut refused = false;
    let outcome = run(&mut refused);
    if refused && refresh(connection).is_ok() { run(&mut refused) } else { outcome }
}

/// Compiles once more what could not be compiled, with the schema as it is now. SQLite looks whether another connection has
/// changed that only when a statement runs; what is compiled by an older one may be refused for what is no longer so.
fn up_to_date<T>(connection: &Connection, compile: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    compile().or_else(|error| refresh(connection).map_or(Err(error), |()| compile()))
}

/// Runs a statement to its end; rows that it returns are passed over.
pub(super) fn step(statement: &mut Statement<'_>) -> Result<(), Error> {
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

/// Binds the values without a name in their order to `?` and `?5`, the others by name to `:id`, `@id` and `$id`. Further
/// names are ignored, so that a whole row may be given.
pub(super) fn bind(statement: &mut Statement<'_>, parameters: &[Parameter<'_>]) -> Result<rusqlite::Result<()>, Error> {
    let mut positional = parameters.iter().filter(|parameter| parameter.name.is_none());
    let named: HashMap<&str, &Parameter<'_>> =
        parameters.iter().filter_map(|parameter| Some((without_prefix(parameter.name?), parameter))).collect();
    let count = statement.parameter_count();
    for index in 1..=count {
        let name = statement.parameter_name(index).filter(|name| !name.starts_with('?'));
        let parameter = match name {
            Some(name) => named.get(without_prefix(name)).copied(),
            None => positional.next(),
        };
        let Some(parameter) = parameter else {
            return Err(Error::Parameters(match name {
                Some(name) => format!("the value of parameter {name} is missing"),
                None => format!("the value of parameter {index} of {count} is missing"),
            }));
        };
        if let Err(error) = statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(parameter.value)) {
            return Ok(Err(error));
        }
    }
    match positional.count() {
        0 => Ok(Ok(())),
        more => Err(too_many(more)),
    }
}

/// The error for values that are left.
pub(super) fn too_many(more: usize) -> Error {
    Error::Parameters(format!("{more} more values than the statement has parameters"))
}

/// A name without its prefix.
fn without_prefix(name: &str) -> &str {
    name.strip_prefix([':', '@', '$']).unwrap_or(name)
}
