//! Rows on their way to JavaScript: a cell of 64 bits for each value, row by row, and beside the
//! cells the values that do not fit into one. `lib/sqlite/rows.js` makes objects of them.
//!
//! ```text
//! cell := f64, or one of these marks in its upper 32 bits
//!   INT32   the lower 32 bits are an i32
//!   NULL
//!   BESIDE  a text, a blob or a bigint: the next one of those beside the cells
//!   LATIN1  a large text, whose bytes in that encoding are the next of those beside the cells
//!   UTF16   the same in this one
//! ```
//!
//! JavaScript reads the cells as little-endian numbers. A mark is a NaN, and no value is one:
//! SQLite makes NULL of a NaN. Small integers have a mark, because the engine keeps an integer of
//! 32 bits without memory of its own, unlike a double.

#![forbid(unsafe_code)]

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::form::{self, Form, JsNumber, Misfit};
use super::raw::Values;
use super::{Error, memory};

/// A chunk has no more cells; there is room for a row of the most columns that SQLite takes, 2,000.
pub(crate) const MAX_CELLS: usize = 8192;
/// A chunk with as many values beside its cells takes no more rows: they are the arguments of a call.
const MAX_BESIDE: usize = 1024;
/// A chunk with as many bytes beside its cells takes no more rows.
const MAX_BYTES: usize = 1 << 18;

const INT32: u64 = 0x7ff8_0001 << 32;
const NULL: u64 = 0x7ff8_0002 << 32;
const BESIDE: u64 = 0x7ff8_0003 << 32;
const LATIN1: u64 = 0x7ff8_0004 << 32;
const UTF16: u64 = 0x7ff8_0005 << 32;

/// From this size on a text or a blob has memory of its own, for which there may be too little: V8 ends the process when it has no
/// room for a string. Node makes strings outside of the heap of V8 from 1,031,913 bytes on, of these two encodings.
pub(crate) const LARGE: usize = 1 << 20;

/// Where the values go that do not fit into a cell.
pub(crate) trait Beside {
    /// Takes a text, which is not [`LARGE`].
    fn text(&mut self, text: Text<'_>) -> Result<(), Misfit>;
    /// Takes a blob.
    fn blob(&mut self, blob: &[u8]) -> Result<(), Misfit>;
    /// Takes an INTEGER that is to be a bigint.
    fn bigint(&mut self, integer: i64) -> Result<(), Misfit>;
}

/// A text that a string of JavaScript can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text<'t> {
    Ascii(&'t [u8]),
    Unicode(&'t str),
}

impl<'t> Text<'t> {
    fn is_large(self) -> bool {
        match self {
            Text::Ascii(text) => text.len() >= LARGE,
            Text::Unicode(text) => text.len() >= LARGE,
        }
    }

    /// Its bytes in the smallest encoding of those that a string of JavaScript has, and the mark of that.
    fn encoded(self) -> Result<(u64, Cow<'t, [u8]>), Misfit> {
        let text = match self {
            Text::Ascii(text) => return Ok((LATIN1, Cow::Borrowed(text))),
            Text::Unicode(text) => text,
        };
        let mut bytes = Vec::new();
        if text.chars().all(|character| u8::try_from(character).is_ok()) {
            bytes.try_reserve_exact(text.len())?;
            bytes.extend(text.chars().filter_map(|character| u8::try_from(character).ok()));
            return Ok((LATIN1, Cow::Owned(bytes)));
        }
        bytes.try_reserve_exact(2 * text.encode_utf16().count())?;
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        Ok((UTF16, Cow::Owned(bytes)))
    }
}

/// Rows that are gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk<B> {
    cells: Vec<u64>,
    rows: usize,
    beside: B,
    count: usize,
    bytes: usize,
}

impl<B: Beside> Chunk<B> {
    pub(crate) fn new(beside: B) -> Self {
        Self { cells: Vec::new(), rows: 0, beside, count: 0, bytes: 0 }
    }

    pub(crate) fn cells(&self) -> &[u64] {
        &self.cells
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The same rows with their values beside the cells as others.
    #[cfg(feature = "node")]
    pub(crate) fn with<C>(self, beside: C) -> Chunk<C> {
        let Self { cells, rows, count, bytes, .. } = self;
        Chunk { cells, rows, beside, count, bytes }
    }

    pub(crate) fn beside(&mut self) -> &mut B {
        &mut self.beside
    }

    /// Has it no room for one more row of so many columns?
    pub(super) fn is_full(&self, width: usize) -> bool {
        self.cells.len() + width > MAX_CELLS || self.count >= MAX_BESIDE || self.bytes >= MAX_BYTES
    }

    /// Adds the values of a row, whose columns have these names.
    ///
    /// # Errors
    /// For a value that JavaScript could not take in this form.
    pub(super) fn push_row(&mut self, row: &Row<'_>, names: &[String], form: Form) -> Result<(), Error> {
        for (column, name) in names.iter().enumerate().take(form.columns(names.len())) {
            self.push(row.get_ref(column)?, form).map_err(|misfit| misfit.in_column(name))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The same with its values.
    pub(super) fn push_values(
        &mut self,
        row: &Row<'_>,
        values: &Values,
        names: &[String],
        form: Form,
    ) -> Result<(), Error> {
        for ((column, name), _) in (0..).zip(names).zip(0..form.columns(names.len())) {
            let value = values.get(row, column).ok_or(Misfit::NoMemory);
            let pushed = value.and_then(|value| self.push(value, form));
            pushed.map_err(|misfit| misfit.in_column(name))?;
        }
        self.rows += 1;
        Ok(())
    }

    fn push(&mut self, value: ValueRef<'_>, form: Form) -> Result<(), Misfit> {
        let cell = match value {
            ValueRef::Null => NULL,
            ValueRef::Real(real) => number(real),
            ValueRef::Integer(integer) => {
                if let (true, Ok(small)) = (form.integers.has_numbers(), i32::try_from(integer)) {
                    INT32 | u64::from(small.cast_unsigned())
                } else {
                    match form.integers.to_js(integer)? {
                        JsNumber::Number(number) => number.to_bits(),
                        JsNumber::Bigint(integer) => {
                            self.beside.bigint(integer)?;
                            self.beside_of(size_of::<i64>())
                        }
                    }
                }
            }
            ValueRef::Text(text) => {
                self.beside_of(text.len());
                with_text(text, |text| {
                    if text.is_large() {
                        let (mark, bytes) = text.encoded()?;
                        self.beside.blob(&bytes).map(|()| mark)
                    } else {
                        self.beside.text(text).map(|()| BESIDE)
                    }
                })?
            }
            ValueRef::Blob(blob) => {
                self.beside.blob(blob)?;
                self.beside_of(blob.len())
            }
        };
        self.cells.push(cell);
        Ok(())
    }

    fn beside_of(&mut self, bytes: usize) -> u64 {
        self.count += 1;
        self.bytes += bytes;
        BESIDE
    }

    /// Empties it, for further rows.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
        (self.rows, self.count, self.bytes) = (0, 0, 0);
    }
}

fn number(real: f64) -> u64 {
    if real.is_nan() { NULL } else { real.to_bits() }
}

/// Does `work` with a text, which has U+FFFD for what is no UTF-8.
fn with_text<T>(text: &[u8], work: impl FnOnce(Text<'_>) -> Result<T, Misfit>) -> Result<T, Misfit> {
    if text.is_ascii() {
        form::check_text(text.len())?;
        return work(Text::Ascii(text));
    }
    let mut replaced = String::new();
    // Nearly every text is UTF-8, and that check is much faster than finding what is wrong with one.
    let text = if let Ok(text) = str::from_utf8(text) {
        text
    } else {
        memory::push_text(&mut replaced, text)?;
        &replaced
    };
    // A text has no more UTF-16 code units than bytes.
    if form::check_text(text.len()).is_err() {
        form::check_text(text.encode_utf16().count())?;
    }
    work(Text::Unicode(text))
}

/// The values beside the cells of a chunk that another thread has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    values: Vec<(Kind, usize)>,
}

/// What a value is, whose end in the bytes stands beside this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ascii,
    Unicode,
    Blob,
    Bigint,
}

impl Kept {
    fn push(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), Misfit> {
        memory::extend(&mut self.bytes, bytes)?;
        self.values.push((kind, self.bytes.len()));
        Ok(())
    }

    /// Gives the values away, in their order.
    pub(crate) fn give(&self, to: &mut impl Beside) -> Result<(), Misfit> {
        let mut start = 0;
        for (kind, end) in &self.values {
            let bytes = self.bytes.get(start..*end).unwrap_or_default();
            match kind {
                Kind::Ascii => to.text(Text::Ascii(bytes)),
                Kind::Unicode => to.text(Text::Unicode(str::from_utf8(bytes).unwrap_or_default())),
                Kind::Blob => to.blob(bytes),
                Kind::Bigint => to.bigint(bytes.try_into().map_or(0, i64::from_le_bytes)),
            }?;
            start = *end;
        }
        Ok(())
    }
}

impl Beside for Kept {
    fn text(&mut self, text: Text<'_>) -> Result<(), Misfit> {
        match text {
            Text::Ascii(text) => self.push(Kind::Ascii, text),
            Text::Unicode(text) => self.push(Kind::Unicode, text.as_bytes()),
        }
    }

    fn blob(&mut self, blob: &[u8]) -> Result<(), Misfit> {
        self.push(Kind::Blob, blob)
    }

    fn bigint(&mut self, integer: i64) -> Result<(), Misfit> {
        self.push(Kind::Bigint, &integer.to_le_bytes())
    }
}

#[cfg(test)]
#[path = "chunk_properties.rs"]
mod properties;
