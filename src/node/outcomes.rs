//! What came of the writes of a submission, on its way to JavaScript.

#![deny(unsafe_code)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{BigInt, Either, Float64Array, ObjectRef};
use napi::{Env, JsDeferred, Result};
use napi_derive::napi;

use super::convert::{duration_to_ms, from_integer};
use super::error::{Failure, describe, exception};
use super::rows::NativeRows;
use crate::db::Outcomes;
use crate::lock;
use crate::sqlite;

/// What came of the writes that are done, and whether the lock could be given back after them.
pub(super) struct Served {
    pub(super) outcomes: Outcomes,
    /// `None` under a hold of JavaScript.
    pub(super) lock: Option<Turn>,
}

/// How long the lock took and was held, and whether it could be given back.
pub(super) struct Turn {
    pub(super) wait: Duration,
    pub(super) hold: Duration,
    pub(super) release: std::result::Result<(), lock::Error>,
}

pub(super) type Delivery = std::result::Result<Served, Failure>;
pub(super) type Resolver = Box<dyn FnOnce(Env) -> Result<NativeOutcomes>>;
type Deferred = JsDeferred<NativeOutcomes, Resolver>;

/// What the writing threads have delivered, in that order, and the promise that waits for the next
/// delivery.
#[derive(Default)]
struct Slot {
    arrived: VecDeque<Delivery>,
    awaited: Option<Deferred>,
    /// JavaScript does not wait for the worker any more. The worker gets no delivery then.
    overtaken: bool,
}

#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Slot>>);

impl Mailbox {
    pub(super) fn deliver(&self, delivery: Delivery) {
        let mut slot = self.slot();
        match slot.awaited.take() {
            Some(deferred) => resolve(deferred, delivery),
            None => slot.arrived.push_back(delivery),
        }
    }

    /// Settles a promise with what has arrived, or with the next delivery. Both under one lock of
    /// the mutex: otherwise a delivery in between would be lost.
    pub(super) fn settle(&self, deferred: Deferred) {
        let mut slot = self.slot();
        slot.overtaken = true;
        match slot.arrived.pop_front() {
            Some(delivery) => resolve(deferred, delivery),
            None => slot.awaited = Some(deferred),
        }
    }

    /// What a worker has delivered. `None` if another promise is to be settled with it.
    pub(super) fn collect(&self) -> Option<Delivery> {
        let mut slot = self.slot();
        if slot.overtaken { None } else { slot.arrived.pop_front() }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolve(deferred: Deferred, delivery: Delivery) {
    deferred.resolve(Box::new(move |env| to_js(&env, delivery)));
}

/// What came of the writes of a submission that are done. If the submission takes the lock itself,
/// the rest of its writes follows.
#[napi(object, object_from_js = false)]
pub struct NativeOutcomes {
    /// How many rows each one has changed.
    #[napi(ts_type = "Float64Array | Array<number>")]
    pub changes: Numbers,
    /// The last rowid that each one has inserted, or 0; NaN where `bigints` has it.
    #[napi(ts_type = "Float64Array | Array<number>")]
    pub rowids: Numbers,
    /// Rowids that are no safe integers.
    pub bigints: Option<Vec<NativeBigint>>,
    pub failures: Option<Vec<NativeFailure>>,
    /// Of the statements whose rows were asked for.
    pub returned: Option<Vec<NativeReturned>>,
    pub commits: f64,
    /// Has SQLite rolled back the transaction of these writes by itself?
    pub rolled_back: bool,
    /// How long it took to get the lock, and how long it was held; undefined under a hold.
    pub wait_ms: Option<f64>,
    pub hold_ms: Option<f64>,
    /// The error of giving back the lock, if that failed.
    #[napi(ts_type = "Error")]
    pub warning: Option<ObjectRef>,
}

/// The rows that a statement has returned.
#[napi(object, object_from_js = false)]
pub struct NativeReturned {
    pub index: u32,
    pub rows: NativeRows,
}

#[napi(object, object_from_js = false)]
pub struct NativeBigint {
    pub index: u32,
    pub value: BigInt,
}

#[napi(object, object_from_js = false)]
pub struct NativeFailure {
    pub index: u32,
    #[napi(ts_type = "Error")]
    pub failure: ObjectRef,
}

/// A number for each write.
type Numbers = Either<Float64Array, Vec<f64>>;

/// Up to so many numbers are a plain array: a typed array has memory of its own, which takes longer to make and to free.
const MAX_PLAIN: usize = 16;

fn numbers(numbers: Vec<f64>) -> Numbers {
    if numbers.len() > MAX_PLAIN { Either::A(numbers.into()) } else { Either::B(numbers) }
}

/// A list that JavaScript does not get if it is empty, which most are.
fn unless_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

pub(super) fn to_js(env: &Env, delivery: Delivery) -> Result<NativeOutcomes> {
    let Served { outcomes: Outcomes { each, commits, rolled_back }, lock } =
        delivery.map_err(|failure| exception(env, failure))?;
    let (mut changes, mut rowids) = (Vec::with_capacity(each.len()), Vec::with_capacity(each.len()));
    let (mut bigints, mut failures, mut returned) = (Vec::new(), Vec::new(), Vec::new());
    for (index, outcome) in (0_u32..).zip(each) {
        let written = match outcome {
            Ok(written) => written,
            Err(error) => {
                failures.push(NativeFailure { index, failure: describe(env, &error.into())?.create_ref()? });
                sqlite::Written::default()
            }
        };
        if let Some(rows) = written.rows {
            returned.push(NativeReturned { index, rows: (*rows).into() });
        }
        changes.push(count(written.changes));
        rowids.push(match from_integer(written.last_insert_rowid) {
            Either::A(number) => number,
            Either::B(value) => {
                bigints.push(NativeBigint { index, value });
                f64::NAN
            }
        });
    }
    let (wait_ms, hold_ms, release) = match lock {
        Some(Turn { wait, hold, release }) => (Some(duration_to_ms(wait)), Some(duration_to_ms(hold)), release),
        None => (None, None, Ok(())),
    };
    let warning = match release {
        Ok(()) => None,
        Err(error) => Some(describe(env, &error.into())?.create_ref()?),
    };
    let (changes, rowids, commits) = (numbers(changes), numbers(rowids), count(commits));
    let (bigints, failures, returned) = (unless_empty(bigints), unless_empty(failures), unless_empty(returned));
    Ok(NativeOutcomes { changes, rowids, bigints, failures, returned, commits, rolled_back, wait_ms, hold_ms, warning })
}

#[expect(clippy::cast_precision_loss, reason = "nothing is done 2^53 times at once")]
fn count(times: u64) -> f64 {
    times as f64
}
