//! Rows on their way to JavaScript.
//!
//! `lib/sqlite/rows.js` lends a buffer for their cells, and takes the other values as the arguments
//! of a call. These values are made here: a text that JavaScript cuts out of another text keeps the
//! whole of it alive.

#![deny(unsafe_code)]

use std::collections::VecDeque;
use std::ptr;

use napi::bindgen_prelude::{
    BufferSlice, Either4, Function, FunctionRef, JsValuesTupleIntoVec, Null, ToNapiValue, TypeName, Unknown,
};
use napi::{Env, JsValue, Result, ValueType, sys};
use napi_derive::napi;

use super::error::exception;
use crate::sqlite::{self, Beside, Chunk, Columns, Encoded, Kept, LARGE, Misfit, Text};

/// What JavaScript takes rows with: `take(rows, ...values)`, or `take(0, ...names)` before rows whose columns have other names.
pub(super) type Take<'env> = Function<'env, Values, Unknown<'static>>;

/// The same, to be kept.
pub(super) type TakeRef = FunctionRef<Values, Unknown<'static>>;

/// See [`Hands::end_of_one`].
pub(super) type One = Either4<(), Null, bool, Made>;

/// A value that was made.
pub struct Made(sys::napi_value);

#[expect(unsafe_code, reason = "the trait asks for it")]
impl ToNapiValue for Made {
    unsafe fn to_napi_value(_env: sys::napi_env, made: Self) -> Result<sys::napi_value> {
        Ok(made.0)
    }
}

impl TypeName for Made {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

/// The arguments of a call: a number, and values behind it.
pub struct Values {
    env: Env,
    list: Vec<sys::napi_value>,
}

impl JsValuesTupleIntoVec for Values {
    fn into_vec(self, _env: sys::napi_env) -> Result<Vec<sys::napi_value>> {
        Ok(self.list)
    }
}

impl Values {
    fn new(env: Env, capacity: usize) -> Self {
        let mut list = Vec::with_capacity(capacity + 1);
        list.push(ptr::null_mut());
        Self { env, list }
    }

    /// Takes the values out, behind a number.
    fn take(&mut self, number: usize) -> Result<Self> {
        let next = Self::new(self.env, self.list.len());
        let mut values = std::mem::replace(self, next);
        let number = self.env.create_uint32(u32::try_from(number).unwrap_or(u32::MAX))?;
        values.list[0] = number.raw();
        Ok(values)
    }

    /// Adds bytes in memory of their own.
    fn large(&mut self, bytes: &[u8]) -> std::result::Result<(), Misfit> {
        let bytes = sqlite::memory::copy(bytes)?;
        let buffer = BufferSlice::from_data(&self.env, bytes).map_err(|_| Misfit::NoMemory)?;
        self.list.push(buffer.raw());
        Ok(())
    }

    /// Adds a value that `make` makes.
    fn push(
        &mut self,
        make: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status,
    ) -> std::result::Result<(), Misfit> {
        let mut value = ptr::null_mut();
        // What JavaScript can hold was checked. So there is too little memory.
        if make(self.env.raw(), &raw mut value) != sys::Status::napi_ok {
            return Err(Misfit::NoMemory);
        }
        self.list.push(value);
        Ok(())
    }
}

#[expect(unsafe_code, reason = "napi has safe calls for these, which ask Node twice for each value")]
impl Beside for Values {
    fn text(&mut self, text: Text<'_>) -> std::result::Result<(), Misfit> {
        match text {
            // SAFETY: the environment is that of the call that is under way, the bytes are copied, and the value is written.
            Text::Ascii(text) => self.push(|env, value| unsafe {
                sys::napi_create_string_latin1(env, text.as_ptr().cast(), text.len().cast_signed(), value)
            }),
            // SAFETY: as above.
            Text::Unicode(text) => self.push(|env, value| unsafe {
                sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), value)
            }),
        }
    }

    fn blob(&mut self, blob: &[u8]) -> std::result::Result<(), Misfit> {
        if blob.len() >= LARGE {
            return self.large(blob);
        }
        // SAFETY: as above. Node copies the bytes, and does not say where to.
        self.push(|env, value| unsafe {
            sys::napi_create_buffer_copy(env, blob.len(), blob.as_ptr().cast(), ptr::null_mut(), value)
        })
    }

    fn bigint(&mut self, integer: i64) -> std::result::Result<(), Misfit> {
        // SAFETY: as above.
        self.push(|env, value| unsafe { sys::napi_create_bigint_int64(env, integer, value) })
    }
}

/// What JavaScript makes in a scope is kept alive for as long as that, and not until the call of JavaScript returns.
struct Scope(sys::napi_env, sys::napi_handle_scope);

#[expect(unsafe_code, reason = "the safe call of napi takes all that is done in the scope as one function")]
impl Scope {
    fn open(env: Env) -> Self {
        let mut scope = ptr::null_mut();
        // SAFETY: the environment is that of the call that is under way.
        unsafe { sys::napi_open_handle_scope(env.raw(), &raw mut scope) };
        Self(env.raw(), scope)
    }
}

#[expect(unsafe_code, reason = "as above")]
impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: it was opened in the same call, and those that were opened later are closed.
        unsafe { sys::napi_close_handle_scope(self.0, self.1) };
    }
}

/// Hands over rows in one call of JavaScript.
pub(super) struct Hands<'env> {
    env: Env,
    room: &'env mut [u8],
    take: Take<'env>,
    scope: Option<Scope>,
    rows: usize,
    /// Is only one row wanted? Then it is handed over without a call, if no more than one value is beside its cells.
    one: bool,
    value: Option<sys::napi_value>,
    failure: Option<napi::Error>,
}

impl<'env> Hands<'env> {
    pub(super) fn new(env: Env, room: &'env mut [u8], take: Take<'env>) -> Self {
        Self { env, room, take, scope: None, rows: 0, one: false, value: None, failure: None }
    }

    /// The same for one row.
    pub(super) fn for_one(env: Env, room: &'env mut [u8], take: Take<'env>) -> Self {
        Self { one: true, ..Self::new(env, room, take) }
    }

    /// A chunk to be filled.
    pub(super) fn chunk(&self) -> Chunk<Values> {
        Chunk::new(Values::new(self.env, 7))
    }

    /// Begins once more: what was handed over does not count.
    pub(super) fn begin(&mut self) {
        (self.rows, self.value) = (0, None);
    }

    /// Hands over a chunk. Says whether more rows are wanted: none after an error.
    pub(super) fn give(&mut self, columns: &mut Columns, chunk: &mut Chunk<Values>) -> bool {
        let given = self.try_give(columns, chunk);
        // A scope for the chunk that follows, if it is not the only row that has come.
        self.scope = None;
        self.scope = (self.rows > 1).then(|| Scope::open(self.env));
        given.map_err(|error| self.failure = Some(error)).is_ok()
    }

    fn try_give(&mut self, columns: &mut Columns, chunk: &mut Chunk<Values>) -> Result<()> {
        if !columns.delivered {
            self.tell(&columns.names)?;
            columns.delivered = true;
        }
        self.put(chunk.cells());
        let rows = chunk.rows();
        self.rows += rows;
        if self.one && chunk.beside().list.len() <= 2 {
            let none = ptr::null_mut();
            self.value = Some(chunk.beside().list.get(1).copied().unwrap_or(none));
            return Ok(());
        }
        self.take.call(chunk.beside().take(rows)?)?;
        Ok(())
    }

    /// What came of one row: undefined without a row, null when it was handed over by a call, and otherwise its cells are in the
    /// room: the value beside them, or false without one.
    pub(super) fn end_of_one(self) -> Result<One> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        Ok(match self.value {
            _ if self.rows == 0 => Either4::A(()),
            None => Either4::B(Null),
            Some(value) if value.is_null() => Either4::C(false),
            Some(value) => Either4::D(Made(value)),
        })
    }

    /// How many rows were handed over since it began.
    pub(super) fn end(self) -> Result<u32> {
        self.failure.map_or_else(|| Ok(u32::try_from(self.rows).unwrap_or(u32::MAX)), Err)
    }

    fn tell(&self, names: &[String]) -> Result<()> {
        let mut values = Values::new(self.env, names.len());
        for name in names {
            values.list.push(self.env.create_string(name)?.raw());
        }
        self.take.call(values.take(0)?)?;
        Ok(())
    }

    fn put(&mut self, cells: &[u64]) {
        for (place, cell) in self.room.as_chunks_mut::<8>().0.iter_mut().zip(cells) {
            *place = cell.to_le_bytes();
        }
    }
}

/// Rows that another thread has read.
#[napi]
pub struct NativeRows {
    columns: Columns,
    chunks: VecDeque<Chunk<Kept>>,
}

impl From<Encoded> for NativeRows {
    fn from(Encoded { columns, chunks }: Encoded) -> Self {
        Self { columns: Columns { names: columns, delivered: false }, chunks: chunks.into() }
    }
}

#[napi]
impl NativeRows {
    /// The names of their columns.
    #[napi(getter, catch_unwind)]
    pub fn columns(&self) -> Vec<String> {
        self.columns.names.clone()
    }

    /// A copy of those that were not handed over.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { columns: Columns { names: self.columns.names.clone(), delivered: false }, chunks: self.chunks.clone() }
    }

    /// Are these the same rows, in the same order?
    #[napi(catch_unwind)]
    #[must_use]
    pub fn equals(&self, other: &NativeRows) -> bool {
        self.columns.names == other.columns.names && self.chunks == other.chunks
    }

    /// Hands over the next chunk, if there is one. Says whether there are more.
    #[napi(catch_unwind)]
    pub fn next(
        &mut self,
        env: Env,
        mut room: BufferSlice<'_>,
        #[napi(ts_arg_type = "(rows: number, ...values: unknown[]) => void")] take: Take<'_>,
    ) -> Result<bool> {
        let Some(mut kept) = self.chunks.pop_front() else { return Ok(false) };
        let mut hands = Hands::new(env, &mut room, take);
        let mut values = Values::new(env, 0);
        let given = kept.beside().give(&mut values);
        given.map_err(|misfit| exception(&env, misfit.in_column("")))?;
        hands.give(&mut self.columns, &mut kept.with(values));
        hands.end()?;
        Ok(!self.chunks.is_empty())
    }
}
