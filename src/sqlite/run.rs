//! Running one statement of a caller.

#![forbid(unsafe_code)]

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement};

use super::Error;
use super::authorizer::Authorizer;
use super::batch::Parameter;

/// Compiles a statement, binds its parameters and runs it to its end; rows that it returns are passed over.
pub(super) fn run(
    connection: &Connection,
    authorizer: &Authorizer,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<(), Error> {
    let explain = |error| authorizer.explain(error, sql);
    let mut statement = connection.prepare_cached(sql).map_err(explain)?;
    bind(&mut statement, parameters)?.map_err(explain)?;
    let mut rows = statement.raw_query();
    while rows.next().map_err(explain)?.is_some() {}
    Ok(())
}

/// Must this statement run outside a transaction? VACUUM fails in one, and some pragmas fail or do nothing.
pub(super) fn is_solitary(sql: &str) -> bool {
    let word: String = skip_comments(sql).chars().take_while(char::is_ascii_alphabetic).collect();
    word.eq_ignore_ascii_case("VACUUM") || word.eq_ignore_ascii_case("PRAGMA")
}

/// What stands behind white space, semicolons and comments.
fn skip_comments(sql: &str) -> &str {
    let sql = sql.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
    if let Some(comment) = sql.strip_prefix("--") {
        return comment.split_once('\n').map_or("", |(_, rest)| skip_comments(rest));
    }
    if let Some(comment) = sql.strip_prefix("/*") {
        return comment.split_once("*/").map_or("", |(_, rest)| skip_comments(rest));
    }
    sql
}

/// Binds the values without a name in their order to `?` and `?5`, the others by name to `:id`, `@id` and `$id`. Further
/// names are ignored, so that a whole row may be given.
fn bind(statement: &mut Statement<'_>, parameters: &[Parameter<'_>]) -> Result<rusqlite::Result<()>, Error> {
    let mut positional = parameters.iter().filter(|parameter| parameter.name.is_none());
    let count = statement.parameter_count();
    for index in 1..=count {
        let name = statement.parameter_name(index).filter(|name| !name.starts_with('?'));
        let parameter = match name {
            Some(name) => parameters.iter().find(|parameter| parameter.name.is_some_and(|given| is_name(given, name))),
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
        more => Err(Error::Parameters(format!("{more} more values than the statement has parameters"))),
    }
}

/// Is `given` the name of the parameter `name`, with or without its prefix?
fn is_name(given: &str, name: &str) -> bool {
    given == name || name.get(1..) == Some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_needs_to_be_alone_is_known_behind_comments() {
        for sql in ["VACUUM", " vacuum INTO 'x'", "-- x\n/* y */ PRAGMA user_version = 1", ";;PRAGMA optimize"] {
            assert!(is_solitary(sql), "{sql}");
        }
        for sql in ["INSERT INTO vacuum VALUES (1)", "", "--", "/* VACUUM", "VACUUMED", "SELECT 1"] {
            assert!(!is_solitary(sql), "{sql}");
        }
    }
}
