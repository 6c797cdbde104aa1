//! Any rows, encoded and read again by the description of the form. `PROPTEST_CASES=100000 cargo test properties` looks for
//! longer.

use proptest::prelude::*;

use super::super::test_values::{Arrived, Given, given};
use super::*;

/// The values of the columns of a chunk.
fn decoded(bytes: &[u8]) -> Vec<Vec<Arrived>> {
    let rows = word(bytes, 0);
    let (mut columns, mut at) = (Vec::new(), 8);
    while at < bytes.len() {
        let (kind, length) = (word(bytes, at), word(bytes, at + 4));
        assert_eq!(length % 8, 0, "the next column begins where numbers may be read");
        columns.push(column(kind, rows, &bytes[at + 8..at + 8 + length]));
        at += 8 + length;
    }
    columns
}

fn column(kind: usize, rows: usize, bytes: &[u8]) -> Vec<Arrived> {
    match u32::try_from(kind).unwrap() {
        NUMBERS => (0..rows).map(|row| number(bytes, 8 * row)).collect(),
        INTEGERS => (0..rows).map(|row| integer(bytes, 8 * row)).collect(),
        ASCII => {
            let texts = &bytes[4 * rows..];
            assert!(texts.is_ascii());
            pieces((0..rows).map(|row| word(bytes, 4 * row))).map(|(start, end)| text(&texts[start..end])).collect()
        }
        TEXT => {
            let (texts, mut units) = (&bytes[8 * rows..], 0);
            let pieces = pieces((0..rows).map(|row| word(bytes, 8 * row))).zip(0..);
            let one = |((start, end), row): ((usize, usize), usize)| {
                let arrived = text(&texts[start..end]);
                units += str::from_utf8(&texts[start..end]).unwrap().encode_utf16().count();
                assert_eq!(word(bytes, 8 * row + 4), units);
                arrived
            };
            pieces.map(one).collect()
        }
        _ => mixed(rows, bytes),
    }
}

fn mixed(rows: usize, bytes: &[u8]) -> Vec<Arrived> {
    let slots = rows.next_multiple_of(8);
    let sizes = slots + 8 * rows;
    let texts = sizes + 8..sizes + 8 + word(bytes, sizes);
    let blobs = &bytes[texts.end..texts.end + word(bytes, sizes + 4)];
    let texts = &bytes[texts];
    let (mut start, mut blob) = (0, 0);
    let one = |row: usize| {
        let (at, end) = (slots + 8 * row, word(bytes, slots + 8 * row));
        match bytes[row] {
            0 => Arrived::Null,
            1 => number(bytes, at),
            2 => integer(bytes, at),
            3 => text(&texts[std::mem::replace(&mut start, end)..end]),
            _ => Arrived::Blob(blobs[std::mem::replace(&mut blob, end)..end].to_vec()),
        }
    };
    (0..rows).map(one).collect()
}

fn text(bytes: &[u8]) -> Arrived {
    Arrived::Text(str::from_utf8(bytes).unwrap().to_owned())
}

fn number(bytes: &[u8], at: usize) -> Arrived {
    Arrived::number(bytes[at..at + 8].try_into().unwrap())
}

fn integer(bytes: &[u8], at: usize) -> Arrived {
    Arrived::Integer(i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()))
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn pieces(ends: impl Iterator<Item = usize>) -> impl Iterator<Item = (usize, usize)> {
    ends.scan(0, |start, end| Some((std::mem::replace(start, end), end)))
}

/// Columns of one type, and of several.
fn columns() -> impl Strategy<Value = Vec<Vec<Given>>> {
    (1..20_usize, 1..5_usize).prop_flat_map(|(rows, width)| {
        let column = (any::<Option<u8>>()).prop_flat_map(move |kind| prop::collection::vec(given(kind), rows));
        prop::collection::vec(column, width)
    })
}

proptest! {
    #[test]
    fn any_rows_are_decoded_to_what_was_encoded(columns in columns(), bigints: bool, before in columns()) {
        let integers = if bigints { Integers::Bigints } else { Integers::NumbersWhereExact };
        let mut chunk = Chunk::new(columns.len(), integers, MAX_ROWS);
        // What was gathered and taken before leaves nothing.
        for columns in [&before, &columns] {
            let rows = columns[0].len();
            chunk.columns.resize_with(columns.len(), Column::default);
            for row in 0..rows {
                for (n, column) in columns.iter().enumerate() {
                    prop_assert_eq!(chunk.push(n, column[row].value()), Ok(()));
                }
                chunk.end_row();
            }
            let expected: Vec<Vec<Arrived>> =
                columns.iter().map(|column| column.iter().map(|given| given.arrives(bigints)).collect()).collect();
            prop_assert_eq!(decoded(&chunk.take()?), expected);
        }
    }
}
