//! What is known of a holder of the lock, as JavaScript gets it.

#![deny(unsafe_code)]

use napi::bindgen_prelude::{Either, Null};
use napi_derive::napi;

use crate::lock::Holder;

#[napi]
pub type Nullable<T> = Either<T, Null>;

/// A field that is there, and null: `Option` would leave it out.
pub(super) fn nullable<T>(value: Option<T>) -> Nullable<T> {
    value.map_or(Either::B(Null), Either::A)
}

/// What is known of a holder.
#[napi(object)]
pub struct HolderInfo {
    pub pid: u32,
    pub time: Nullable<String>,
    pub alive: Nullable<bool>,
    pub command: Nullable<String>,
    pub label: Nullable<String>,
    pub age_ms: Nullable<f64>,
}

impl From<Holder> for HolderInfo {
    #[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^53")]
    fn from(holder: Holder) -> Self {
        Self {
            time: nullable(holder.iso_time()),
            age_ms: nullable(holder.age_ms().map(|age| age as f64)),
            pid: holder.pid,
            alive: nullable(holder.alive),
            command: nullable(holder.command),
            label: nullable(holder.label),
        }
    }
}
