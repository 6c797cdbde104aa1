//! Rows on their way to JavaScript: encoded in chunks, column by column, one call over the border however many rows.
//! `lib/sqlite/chunk.js` decodes them; most of the time of a read is spent there, and a column of one type is the fastest way.
//!
//! ```text
//! chunk   := u32 rows, u32 0, column...
//! column  := u32 kind, u32 length in bytes of what follows, filled up to a multiple of 8
//!   NUMBERS   f64 for each row
//!   INTEGERS  i64 for each row
//!   ASCII     u32 end for each row, bytes: the texts, one after the other
//!   TEXT      ends for each row, the texts in UTF-8
//!   MIXED     u8 tag for each row, filled up; 8 bytes for each row: f64, i64, ends of a text, or u32 end of a blob;
//!             u32 length of texts, u32 length of blobs, texts in UTF-8, blobs
//! ends    := u32 end in bytes, u32 end in UTF-16 code units, which JavaScript counts in
//! ```
//!
//! All numbers are little-endian. An INTEGER comes as the [form](super::form) of the rows says.

#![forbid(unsafe_code)]

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::form::{self, Integers, JsNumber, Misfit};
use super::{Error, memory};

/// More rows would keep the event loop busy for too long when they are decoded.
pub(super) const MAX_ROWS: usize = 2000;
/// A chunk with as many bytes takes no more rows.
const MAX_BYTES: usize = 1 << 18;

const NUMBERS: u32 = 0;
const INTEGERS: u32 = 1;
const ASCII: u32 = 2;
const TEXT: u32 = 3;
const MIXED: u32 = 4;

/// The types of values in a column that is not of one type.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Null = 0,
    Number = 1,
    Integer = 2,
    Text = 3,
    Blob = 4,
}

/// Rows that are gathered.
pub(super) struct Chunk {
    columns: Vec<Column>,
    rows: usize,
    max_rows: usize,
    bytes: usize,
    integers: Integers,
}

/// The values of a column, in the form of a column of mixed types.
#[derive(Default)]
struct Column {
    tags: Vec<u8>,
    slots: Vec<[u8; 8]>,
    texts: String,
    /// How many UTF-16 code units the texts have.
    units: usize,
    blobs: Vec<u8>,
}

impl Chunk {
    pub(super) fn new(columns: usize, integers: Integers, max_rows: usize) -> Self {
        Self { columns: (0..columns).map(|_| Column::default()).collect(), rows: 0, max_rows, bytes: 0, integers }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= self.max_rows || self.bytes >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds the values of a row, whose columns have these names.
    ///
    /// # Errors
    /// For a value that JavaScript could not take in this form.
    pub(super) fn push_row(&mut self, row: &Row<'_>, names: &[String]) -> Result<(), Error> {
        for (column, name) in names.iter().enumerate().take(self.columns.len()) {
            self.push(column, row.get_ref(column)?).map_err(|misfit| misfit.in_column(name))?;
        }
        self.end_row();
        Ok(())
    }

    fn push(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), Misfit> {
        if let Some(column) = self.columns.get_mut(column) {
            self.bytes += column.push(value, self.integers)?;
        }
        Ok(())
    }

    fn end_row(&mut self) {
        self.rows += 1;
    }

    /// The chunk as bytes. What was gathered is gone from it.
    ///
    /// # Errors
    /// `SQLITE_TOOBIG` for a row of more than 4 GB.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        bytes.try_reserve(self.bytes + self.columns.len() * (24 + 12 * self.rows) + 8)?;
        bytes.extend(length(self.rows)?);
        bytes.extend([0; 4]);
        for column in &mut self.columns {
            column.write(&mut bytes)?;
            column.clear();
        }
        (self.rows, self.bytes) = (0, 0);
        Ok(bytes)
    }
}

impl Column {
    /// Adds a value; returns how many bytes it takes besides its slot.
    fn push(&mut self, value: ValueRef<'_>, integers: Integers) -> Result<usize, Misfit> {
        let (tag, slot, bytes) = match value {
            ValueRef::Null => (Tag::Null, [0; 8], 0),
            ValueRef::Integer(integer) => match integers.to_js(integer)? {
                JsNumber::Number(number) => (Tag::Number, number.to_le_bytes(), 0),
                JsNumber::Bigint(integer) => (Tag::Integer, integer.to_le_bytes(), 0),
            },
            ValueRef::Real(real) => (Tag::Number, real.to_le_bytes(), 0),
            ValueRef::Text(text) => {
                self.units += append_text(&mut self.texts, text)?;
                // Ends that are too large for these are refused with the column.
                (Tag::Text, (self.texts.len() as u64 | (self.units as u64) << 32).to_le_bytes(), text.len())
            }
            ValueRef::Blob(blob) => {
                memory::extend(&mut self.blobs, blob)?;
                (Tag::Blob, (self.blobs.len() as u64).to_le_bytes(), blob.len())
            }
        };
        self.tags.push(tag as u8);
        self.slots.push(slot);
        Ok(bytes)
    }

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        // The length is known when the rest is there.
        let head = bytes.len();
        bytes.extend([0; 8]);
        let kind = self.kind();
        match kind {
            NUMBERS | INTEGERS => bytes.extend(self.slots.as_flattened()),
            ASCII | TEXT => {
                length(self.texts.len())?;
                for slot in &self.slots {
                    bytes.extend(if kind == ASCII { &slot[..4] } else { slot });
                }
                memory::extend(bytes, self.texts.as_bytes())?;
            }
            _ => {
                bytes.extend(&self.tags);
                fill_up(bytes);
                bytes.extend(self.slots.as_flattened());
                bytes.extend(length(self.texts.len())?);
                bytes.extend(length(self.blobs.len())?);
                memory::extend(bytes, self.texts.as_bytes())?;
                memory::extend(bytes, &self.blobs)?;
            }
        }
        fill_up(bytes);
        let size = length(bytes.len() - head - 8)?;
        bytes[head..head + 4].copy_from_slice(&kind.to_le_bytes());
        bytes[head + 4..head + 8].copy_from_slice(&size);
        Ok(())
    }

    /// Empties it; the room stays for the next rows.
    fn clear(&mut self) {
        self.tags.clear();
        self.slots.clear();
        self.texts.clear();
        self.units = 0;
        self.blobs.clear();
    }

    fn kind(&self) -> u32 {
        let all = |tag: Tag| self.tags.iter().all(|other| *other == tag as u8);
        if all(Tag::Number) {
            NUMBERS
        } else if all(Tag::Integer) {
            INTEGERS
        } else if !all(Tag::Text) {
            MIXED
        } else if self.units == self.texts.len() {
            ASCII
        } else {
            TEXT
        }
    }
}

/// Appends a text, with U+FFFD for what is no UTF-8. Returns its length in UTF-16 code units.
pub(super) fn append_text(texts: &mut String, text: &[u8]) -> Result<usize, Misfit> {
    let start = texts.len();
    memory::push_text(texts, text)?;
    let text = &texts[start..];
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    form::check_text(units)?;
    Ok(units)
}

fn fill_up(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

fn length(length: usize) -> Result<[u8; 4], Error> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(|_| Error::too_big())
}

#[cfg(test)]
#[path = "chunk_properties.rs"]
mod properties;
