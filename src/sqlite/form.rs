//! How a caller wants rows: which of them, which columns, and its INTEGERs as numbers or as
//! bigints. `lib/sqlite/form.js` has the same bits.
//!
//! A value that JavaScript cannot take is refused here, before a statement that writes is
//! committed.

#![forbid(unsafe_code)]

use std::collections::TryReserveError;

use super::Error;

const FIRST_ROW: u8 = 1;
const BIGINTS: u8 = 2;
const NUMBERS_WHERE_EXACT: u8 = 4;
const FIRST_COLUMN: u8 = 8;

/// The longest string of V8: `buffer.constants.MAX_STRING_LENGTH`, in UTF-16 code units.
const MAX_TEXT_UNITS: usize = (1 << 29) - 24;

/// How a caller wants rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Only the first row.
    pub first_row: bool,
    /// Only the first column.
    pub first_column: bool,
    /// How INTEGERs come.
    pub integers: Integers,
}

/// How INTEGERs come to JavaScript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integers {
    /// As numbers; an INTEGER for which no number is exact is refused.
    #[default]
    Numbers,
    /// As bigints.
    Bigints,
    /// As numbers where these are exact, otherwise as bigints.
    NumbersWhereExact,
}

/// An INTEGER as JavaScript has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum JsNumber {
    Number(f64),
    Bigint(i64),
}

/// Why JavaScript could not take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// No number is exact for an INTEGER.
    Inexact,
    /// A TEXT is longer than a string can be.
    TooLong,
    /// There is too little memory for it.
    NoMemory,
}

impl Form {
    /// The form of these bits.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        let integers = if bits & BIGINTS != 0 {
            Integers::Bigints
        } else if bits & NUMBERS_WHERE_EXACT != 0 {
            Integers::NumbersWhereExact
        } else {
            Integers::Numbers
        };
        Self { first_row: bits & FIRST_ROW != 0, first_column: bits & FIRST_COLUMN != 0, integers }
    }

    /// How many rows of a statement are wanted.
    pub(super) fn rows(self) -> usize {
        if self.first_row { 1 } else { usize::MAX }
    }

    /// How many of `columns` are wanted.
    pub(super) fn columns(self, columns: usize) -> usize {
        if self.first_column { columns.min(1) } else { columns }
    }
}

impl Integers {
    /// Is a small INTEGER a number in this mode?
    pub(super) fn has_numbers(self) -> bool {
        !matches!(self, Self::Bigints)
    }

    /// An INTEGER in this mode.
    pub(crate) fn to_js(self, integer: i64) -> Result<JsNumber, Misfit> {
        match (self, exact(integer)) {
            (Self::Numbers | Self::NumbersWhereExact, Some(number)) => Ok(JsNumber::Number(number)),
            (Self::Numbers, None) => Err(Misfit::Inexact),
            (Self::Bigints, _) | (Self::NumbersWhereExact, None) => Ok(JsNumber::Bigint(integer)),
        }
    }
}

impl From<TryReserveError> for Misfit {
    fn from(_: TryReserveError) -> Self {
        Self::NoMemory
    }
}

impl Misfit {
    /// The error of a value in the column of that name.
    pub(crate) fn in_column(self, name: &str) -> Error {
        match self {
            Self::Inexact => Error::Inexact { column: name.to_owned() },
            Self::NoMemory => Error::no_memory(),
            Self::TooLong => {
                Error::too_big().because(&format!("the text in column {name} is too long for a string of JavaScript"))
            }
        }
    }
}

/// Refuses a text of so many UTF-16 code units that it is no string.
pub(super) fn check_text(units: usize) -> Result<(), Misfit> {
    if units <= MAX_TEXT_UNITS { Ok(()) } else { Err(Misfit::TooLong) }
}

/// The number that stands for `integer` exactly, if there is one.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 - 1, and not used beyond")]
pub(crate) fn exact(integer: i64) -> Option<f64> {
    const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
    (integer.unsigned_abs() <= MAX_SAFE_INTEGER).then_some(integer as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_its_way_with_an_integer_that_is_no_number() {
        for (mode, expected) in [
            (Integers::Numbers, Err(Misfit::Inexact)),
            (Integers::Bigints, Ok(JsNumber::Bigint(1 << 53))),
            (Integers::NumbersWhereExact, Ok(JsNumber::Bigint(1 << 53))),
        ] {
            assert_eq!(mode.to_js(1 << 53), expected, "{mode:?}");
        }
        assert_eq!(Integers::Numbers.to_js(-1), Ok(JsNumber::Number(-1.0)));
        assert_eq!(Integers::Bigints.to_js(-1), Ok(JsNumber::Bigint(-1)));
        assert_eq!(Integers::Numbers.to_js(i64::MIN), Err(Misfit::Inexact));
    }

    #[test]
    fn a_text_is_as_long_as_a_string_can_be() {
        assert_eq!(check_text(MAX_TEXT_UNITS), Ok(()));
        assert_eq!(check_text(MAX_TEXT_UNITS + 1), Err(Misfit::TooLong));
    }
}
