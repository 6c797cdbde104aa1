//! One row on its way to JavaScript: its numbers in room that JavaScript lends, its short texts in one string. Nothing else has
//! to be made for it, and most of the time of a short read would go into that. `lib/sqlite/single.js` decodes it.
//!
//! ```text
//! room := u32 version of the columns, u32 how many there are, cell...
//! cell := i32 mark, i32 0, 8 bytes
//!   NULL     nothing
//!   NUMBER   f64
//!   INTEGER  i64
//!   APART    nothing: the next one of those that go beside the texts, a blob or a text
//!   0 or more: a TEXT, which ends there in the string, in UTF-16 code units
//! ```
//!
//! All numbers are little-endian. A row that is too wide goes as a [chunk](super::chunk).
//!
//! A text that JavaScript cuts out of a string keeps all of that alive. So the string holds few texts, or one.

#![forbid(unsafe_code)]

use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};

use super::chunk::{self, Chunk};
use super::form::{Form, JsNumber, Misfit};
use super::query::Encoded;
use super::rows::Names;
use super::{Error, memory};

const HEAD_BYTES: usize = 8;
const CELL_BYTES: usize = 16;
/// Several texts share a string up to this length; `lib/sqlite/chunk.js` has the same.
const MAX_SHARED: usize = 512;

const NULL: i32 = -1;
const NUMBER: i32 = -2;
const INTEGER: i32 = -3;
const APART: i32 = -4;

/// The names of the columns of a statement, which may change with the schema.
#[derive(Default)]
pub(crate) struct Columns {
    /// Counts how often they have changed.
    version: u32,
    names: Vec<String>,
}

/// A row that was read.
pub(crate) enum Single {
    /// It is in the room, save for these.
    InRoom {
        texts: String,
        apart: Vec<Apart>,
    },
    Encoded(Encoded),
}

/// A value that has a place of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    Text(String),
    Blob(Vec<u8>),
}

impl Columns {
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    fn update(&mut self, statement: &Statement<'_>, names: &Names<'_>) -> Result<(), Error> {
        if names.update(statement, &mut self.names)? {
            self.version += 1;
        }
        Ok(())
    }
}

/// Hands over a row.
pub(super) fn hand_over(
    row: &Row<'_>,
    names: &Names<'_>,
    columns: &mut Columns,
    form: Form,
    room: &mut [u8],
) -> Result<Single, Error> {
    columns.update(row.as_ref(), names)?;
    if let Some(single) = put(row, columns, form, room)? {
        return Ok(single);
    }
    let mut chunk = Chunk::new(form.columns(columns.names.len()), form.integers, 1);
    chunk.push_row(row, &columns.names)?;
    Ok(Single::Encoded(Encoded { columns: columns.names.clone(), chunks: vec![chunk.take()?] }))
}

/// Puts a row into the room, if it goes so.
fn put(row: &Row<'_>, columns: &Columns, form: Form, room: &mut [u8]) -> Result<Option<Single>, Error> {
    let count = form.columns(columns.names.len());
    let Some((head, cells)) = room.split_at_mut_checked(HEAD_BYTES) else { return Ok(None) };
    let (cells, _) = cells.as_chunks_mut::<CELL_BYTES>();
    let (Some(cells), Ok(width)) = (cells.get_mut(..count), u32::try_from(count)) else { return Ok(None) };
    head[..4].copy_from_slice(&columns.version.to_le_bytes());
    head[4..].copy_from_slice(&width.to_le_bytes());
    let (mut texts, mut end, mut apart) = (String::new(), 0, Vec::new());
    for (column, (cell, name)) in cells.iter_mut().zip(&columns.names).enumerate() {
        let refuse = |misfit: Misfit| misfit.in_column(name);
        let (mark, slot) = match row.get_ref(column)? {
            ValueRef::Null => (NULL, [0; 8]),
            ValueRef::Integer(integer) => match form.integers.to_js(integer).map_err(refuse)? {
                JsNumber::Number(number) => (NUMBER, number.to_le_bytes()),
                JsNumber::Bigint(integer) => (INTEGER, integer.to_le_bytes()),
            },
            ValueRef::Real(real) => (NUMBER, real.to_le_bytes()),
            ValueRef::Text(text) if texts.is_empty() || texts.len() + text.len() <= MAX_SHARED => {
                end += chunk::append_text(&mut texts, text).map_err(refuse)?;
                (i32::try_from(end).unwrap_or(i32::MAX), [0; 8])
            }
            ValueRef::Text(text) => {
                let mut own = String::new();
                chunk::append_text(&mut own, text).map_err(refuse)?;
                apart.push(Apart::Text(own));
                (APART, [0; 8])
            }
            ValueRef::Blob(blob) => {
                apart.push(Apart::Blob(memory::copy(blob)?));
                (APART, [0; 8])
            }
        };
        cell[..4].copy_from_slice(&mark.to_le_bytes());
        cell[8..].copy_from_slice(&slot);
    }
    Ok(Some(Single::InRoom { texts, apart }))
}

#[cfg(test)]
#[path = "single_properties.rs"]
mod properties;
