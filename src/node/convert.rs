//! Values between JavaScript and Rust.

#![forbid(unsafe_code)]

use std::time::Duration;

use napi::bindgen_prelude::{BigInt, Buffer, Either, Either5, Null};
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::sqlite::{Integers, JsNumber, Misfit, Value, exact};

/// An INTEGER in JavaScript: a number where that is exact, else a bigint.
#[napi]
pub type JsInteger = Either<f64, BigInt>;

/// A value of SQLite in JavaScript.
pub(super) type JsValue = Either5<Null, f64, BigInt, String, Buffer>;

pub(super) fn from_integer(integer: i64) -> JsInteger {
    exact(integer).map_or_else(|| Either::B(BigInt::from(integer)), Either::A)
}

/// An integer that JavaScript has checked.
pub(super) fn to_integer(value: JsInteger) -> Result<i64> {
    let refuse = || Error::new(Status::InvalidArg, "not an integer of 64 bits");
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "compared with what it came from")]
        Either::A(number) => {
            let integer = number as i64;
            exact(integer)
                .filter(|&same| same.to_bits() == (number + 0.0).to_bits())
                .map(|_| integer)
                .ok_or_else(refuse)
        }
        Either::B(bigint) => match bigint.get_i64() {
            (integer, true) => Ok(integer),
            (_, false) => Err(refuse()),
        },
    }
}

pub(super) fn from_value(value: Value, integers: Integers) -> std::result::Result<JsValue, Misfit> {
    Ok(match value {
        Value::Null => Either5::A(Null),
        Value::Integer(integer) => match integers.to_js(integer)? {
            JsNumber::Number(number) => Either5::B(number),
            JsNumber::Bigint(integer) => Either5::C(BigInt::from(integer)),
        },
        Value::Real(real) => Either5::B(real),
        Value::Text(text) => Either5::D(text),
        Value::Blob(blob) => Either5::E(blob.into()),
    })
}

/// Milliseconds as JavaScript has them; infinity and what is longer than any clock means for ever.
pub(super) fn to_duration(ms: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).ok()
}

pub(super) fn duration_to_ms(duration: Duration) -> f64 {
    if duration == Duration::MAX { f64::INFINITY } else { duration.as_secs_f64() * 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

    #[test]
    fn integers_cross_without_loss() -> Result<()> {
        for integer in [0, 1, -1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER + 1, i64::MAX, i64::MIN] {
            assert_eq!(to_integer(from_integer(integer))?, integer);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for number in [0.5, f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0] {
            assert!(to_integer(Either::A(number)).is_err(), "{number}");
        }
        assert!(to_integer(Either::B(BigInt { sign_bit: false, words: vec![u64::MAX] })).is_err());
        assert!(to_integer(Either::B(BigInt { sign_bit: false, words: vec![0, 1] })).is_err());
    }

    #[test]
    fn infinity_is_for_ever() {
        assert_eq!(to_duration(f64::INFINITY), None);
        assert_eq!(to_duration(1e300), None);
        assert_eq!(to_duration(1.5), Some(Duration::from_micros(1500)));
    }
}
