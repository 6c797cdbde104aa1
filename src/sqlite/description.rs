//! What a statement is, and what its columns are.

#![forbid(unsafe_code)]

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

/// A column of a statement: its name, and where its values come from, if that is a column of a
/// table.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) origin: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) database: Option<String>,
    /// As it was declared.
    pub(crate) declared: Option<String>,
}
