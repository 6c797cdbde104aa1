//! Values between JavaScript and Rust.

#![forbid(unsafe_code)]

use std::time::Duration;

use napi::bindgen_prelude::{BigInt, Either};

use crate::sqlite::{TransactionId, exact};

/// An INTEGER in JavaScript: a number where that is exact, else a bigint.
pub(super) fn from_integer(integer: i64) -> Either<f64, BigInt> {
    exact(integer).map_or_else(|| Either::B(BigInt::from(integer)), Either::A)
}

/// Milliseconds as JavaScript has them; infinity and what is longer than any clock means for ever.
pub(super) fn to_duration(ms: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).ok()
}

pub(super) fn duration_to_ms(duration: Duration) -> f64 {
    if duration == Duration::MAX { f64::INFINITY } else { duration.as_secs_f64() * 1000.0 }
}

/// The open transaction that JavaScript means; 0 is none.
pub(super) fn to_transaction(id: i64) -> Option<TransactionId> {
    TransactionId::try_from(id).ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_a_number_where_that_is_exact() {
        const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;
        for integer in [0, 1, -1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER] {
            assert!(matches!(from_integer(integer), Either::A(number) if format!("{number}") == integer.to_string()));
        }
        for integer in [MAX_SAFE_INTEGER + 1, i64::MAX, i64::MIN] {
            assert!(matches!(from_integer(integer), Either::B(bigint) if bigint.get_i64() == (integer, true)));
        }
    }

    #[test]
    fn infinity_is_for_ever() {
        assert_eq!(to_duration(f64::INFINITY), None);
        assert_eq!(to_duration(1e300), None);
        assert_eq!(to_duration(1.5), Some(Duration::from_micros(1500)));
    }
}
