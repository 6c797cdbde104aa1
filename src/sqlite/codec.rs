//! The codec of a batch: how its writes come from JavaScript, as one block of bytes.
//!
//! So a batch costs one call over the border, however many writes it has. `lib/sqlite/encoder.js`
//! encodes each write during its call, and thereby copies its values.
//!
//! ```text
//! batch     := write...
//! write     := CREATE_RECORD, i64 value, text name
//!            | UPDATE_RECORD, i64 id, i64 value
//!            | RUN, u32 index into the SQL texts that come along, u32 count, parameter...
//!            | ALL, u32 count, write...
//!            | EXEC, u32 index into the SQL texts
//!            | CONTROL, u8 which
//!            | QUERY, u8 the bits of the form of the rows, and on like RUN
//! parameter := NULL | INTEGER i64 | REAL f64 | TEXT text | BLOB text,
//!              each with NAMED set if a text with its name follows
//! text      := u32 length in bytes, bytes
//! ```
//!
//! All numbers are little-endian. A block of any other form is refused as a whole.

#![forbid(unsafe_code)]

use rusqlite::types::ValueRef;

use super::Form;
use super::write::{Control, Parameter, Write};

const CREATE_RECORD: u8 = 0;
const UPDATE_RECORD: u8 = 1;
const RUN: u8 = 2;
const ALL: u8 = 3;
const EXEC: u8 = 4;
const CONTROL: u8 = 5;
const QUERY: u8 = 6;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;
const NAMED: u8 = 0x80;

const CONTROLS: [Control; 7] = [
    Control::Begin,
    Control::Commit,
    Control::Rollback,
    Control::Savepoint,
    Control::Release,
    Control::Undo,
    Control::BeginWithoutForeignKeys,
];

/// Decodes a batch; `None` when it is not of the form above.
#[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "a Rust program has its writes at hand"))]
pub(crate) fn decode<'b>(statements: &'b [String], mut bytes: &'b [u8]) -> Option<Vec<Write<'b>>> {
    let mut writes = Vec::new();
    while !bytes.is_empty() {
        writes.push(write(statements, &mut bytes, false)?);
    }
    Some(writes)
}

/// Decodes `u32 count, parameter...`, behind which there may be anything; `None` when it is of
/// another form.
#[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "a Rust program has rusqlite for its queries"))]
pub(crate) fn decode_parameters(mut bytes: &[u8]) -> Option<Vec<Parameter<'_>>> {
    parameters(&mut bytes)
}

fn write<'b>(statements: &'b [String], bytes: &mut &'b [u8], nested: bool) -> Option<Write<'b>> {
    match array(bytes)? {
        [CREATE_RECORD] => {
            let value = integer(bytes)?;
            Some(Write::CreateRecord { name: text(bytes)?, value })
        }
        [UPDATE_RECORD] => Some(Write::UpdateRecord { id: integer(bytes)?, value: integer(bytes)? }),
        [RUN] => {
            let (sql, parameters) = statement(statements, bytes)?;
            Some(Write::Run { sql, parameters })
        }
        [QUERY] => {
            let [form] = array(bytes)?;
            let (sql, parameters) = statement(statements, bytes)?;
            Some(Write::Query { sql, parameters, form: Form::from_bits(form) })
        }
        // Not one in another: nothing needs it, and a block of nothing but these could be nested as
        // deep as it is long.
        [ALL] if !nested => {
            let count = length(bytes)?;
            Some(Write::All((0..count).map(|_| write(statements, bytes, true)).collect::<Option<_>>()?))
        }
        [EXEC] => Some(Write::Exec { sql: statements.get(length(bytes)?)? }),
        [CONTROL] => {
            let [which] = array(bytes)?;
            Some(Write::Control(*CONTROLS.get(usize::from(which))?))
        }
        _ => None,
    }
}

fn statement<'b>(statements: &'b [String], bytes: &mut &'b [u8]) -> Option<(&'b str, Vec<Parameter<'b>>)> {
    let sql = statements.get(length(bytes)?)?;
    Some((sql, parameters(bytes)?))
}

fn parameters<'b>(bytes: &mut &'b [u8]) -> Option<Vec<Parameter<'b>>> {
    let count = length(bytes)?;
    (0..count).map(|_| parameter(bytes)).collect()
}

fn parameter<'b>(bytes: &mut &'b [u8]) -> Option<Parameter<'b>> {
    let [tag] = array(bytes)?;
    let name = if tag & NAMED == 0 { None } else { Some(text(bytes)?) };
    let value = match tag & !NAMED {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(integer(bytes)?),
        REAL => ValueRef::Real(f64::from_le_bytes(array(bytes)?)),
        TEXT => ValueRef::Text(text(bytes)?.as_bytes()),
        BLOB => ValueRef::Blob(counted(bytes)?),
        _ => return None,
    };
    Some(Parameter { name, value })
}

fn integer(bytes: &mut &[u8]) -> Option<i64> {
    array(bytes).map(i64::from_le_bytes)
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(array(bytes)?)).ok()
}

fn counted<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = length(bytes)?;
    take(bytes, length)
}

fn text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    std::str::from_utf8(counted(bytes)?).ok()
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    take(bytes, N)?.try_into().ok()
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded() -> Vec<u8> {
        let mut bytes = vec![CREATE_RECORD];
        bytes.extend((-5_i64).to_le_bytes());
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend("a\u{e9}".as_bytes());
        bytes.push(UPDATE_RECORD);
        bytes.extend(i64::MAX.to_le_bytes());
        bytes.extend(7_i64.to_le_bytes());
        bytes.push(RUN);
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(3_u32.to_le_bytes());
        bytes.push(NULL);
        bytes.push(REAL);
        bytes.extend((-0.0_f64).to_le_bytes());
        bytes.push(BLOB | NAMED);
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(b"id");
        bytes.extend(1_u32.to_le_bytes());
        bytes.push(0xff);
        bytes.push(EXEC);
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend([CONTROL, 5]);
        bytes
    }

    fn statements() -> Vec<String> {
        vec!["SELECT 1".into(), "SELECT 2".into()]
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let (bytes, statements) = (encoded(), statements());
        let positional = |value| Parameter { name: None, value };
        let expected = [
            Write::CreateRecord { name: "a\u{e9}", value: -5 },
            Write::UpdateRecord { id: i64::MAX, value: 7 },
            Write::Run {
                sql: "SELECT 2",
                parameters: vec![
                    positional(ValueRef::Null),
                    positional(ValueRef::Real(-0.0)),
                    Parameter { name: Some("id"), value: ValueRef::Blob(&[0xff]) },
                ],
            },
            Write::Exec { sql: "SELECT 1" },
            Write::Control(Control::Undo),
        ];
        assert_eq!(decode(&statements, &bytes).as_deref(), Some(&expected[..]));
        assert_eq!(decode(&statements, &[]), Some(vec![]));
    }

    #[test]
    fn a_block_that_is_cut_off_or_of_another_form_is_refused() {
        let (bytes, statements) = (encoded(), statements());
        let ends_of_writes = [16, 33, bytes.len() - 7, bytes.len() - 2];
        for length in (1..bytes.len()).filter(|length| !ends_of_writes.contains(length)) {
            assert_eq!(decode(&statements, &bytes[..length]), None, "{length}");
        }
        assert_eq!(decode(&statements, &[9]), None);
        assert_eq!(decode(&statements, &[CONTROL, 7]), None);
        assert_eq!(decode(&statements, &[ALL, 1, 0, 0, 0, ALL, 0, 0, 0, 0]), None);
        assert_eq!(decode(&statements[..1], &bytes), None);
        let mut invalid_utf_8 = bytes;
        invalid_utf_8[14] = 0xff;
        assert_eq!(decode(&statements, &invalid_utf_8), None);
    }
}

#[cfg(test)]
#[path = "codec_properties.rs"]
mod properties;
