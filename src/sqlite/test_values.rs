//! Values for tests of how rows come to JavaScript, and what JavaScript must get.

use proptest::prelude::*;
use rusqlite::types::ValueRef;

/// All but NaN, which is not equal to itself, and which SQLite makes NULL of.
pub(super) fn reals() -> impl Strategy<Value = f64> {
    use prop::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
}

/// A value of a row. Texts may be no UTF-8.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// A value that has arrived: numbers by their bits, since -0 is not 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arrived {
    Null,
    Number(u64),
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Given {
    pub(super) fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact in that range")]
    pub(super) fn arrives(&self, bigints: bool) -> Arrived {
        const SAFE: i64 = (1 << 53) - 1;
        match self {
            Self::Null => Arrived::Null,
            Self::Integer(integer) if !bigints && (-SAFE..=SAFE).contains(integer) => {
                Arrived::Number((*integer as f64).to_bits())
            }
            Self::Integer(integer) => Arrived::Integer(*integer),
            Self::Real(real) => Arrived::Number(real.to_bits()),
            Self::Text(text) => Arrived::Text(String::from_utf8_lossy(text).into_owned()),
            Self::Blob(blob) => Arrived::Blob(blob.clone()),
        }
    }
}

/// Values of one type, or of any.
pub(super) fn given(only: Option<u8>) -> BoxedStrategy<Given> {
    let integers = || prop_oneof![any::<i64>(), -3..3_i64, Just((1 << 53) - 1), Just(1 << 53), Just(-(1 << 53))];
    let texts = || prop_oneof!["[a-z]{0,9}", ".{0,9}"].prop_map(String::into_bytes);
    let kinds = [
        Just(Given::Null).boxed(),
        integers().prop_map(Given::Integer).boxed(),
        reals().prop_map(Given::Real).boxed(),
        texts().prop_map(Given::Text).boxed(),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Given::Text).boxed(),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Given::Blob).boxed(),
    ];
    match only {
        Some(kind) => kinds[usize::from(kind) % kinds.len()].clone(),
        None => prop::strategy::Union::new(kinds).boxed(),
    }
}
