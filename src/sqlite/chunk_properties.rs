//! Properties of chunks: any rows are gathered, and read again by the description of the form.
//! `PROPTEST_CASES=100000 cargo test properties` tries more of them.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::super::form::Integers;
use super::super::test_values::{Arrived, Given, given};
use super::*;

/// What arrives beside the cells.
#[derive(Default)]
struct Arrivals(Vec<Arrived>);

impl Beside for Arrivals {
    fn text(&mut self, text: Text<'_>) -> Result<(), Misfit> {
        self.0.push(Arrived::Text(match text {
            Text::Ascii(text) => {
                assert!(text.is_ascii());
                String::from_utf8_lossy(text).into_owned()
            }
            Text::Unicode(text) => {
                assert!(!text.is_ascii());
                text.to_owned()
            }
        }));
        Ok(())
    }

    fn blob(&mut self, blob: &[u8]) -> Result<(), Misfit> {
        self.0.push(Arrived::Blob(blob.to_vec()));
        Ok(())
    }

    fn bigint(&mut self, integer: i64) -> Result<(), Misfit> {
        self.0.push(Arrived::Integer(integer));
        Ok(())
    }
}

/// The values of a chunk, in the order of its rows.
fn decoded(cells: &[u64], beside: Vec<Arrived>) -> Vec<Arrived> {
    let mut beside = beside.into_iter();
    let value = |cell: &u64| match cell >> 32 {
        0x7ff8_0001 => {
            let low = u32::try_from(cell & 0xffff_ffff).unwrap().cast_signed();
            Arrived::Number(f64::from(low).to_bits())
        }
        0x7ff8_0002 => Arrived::Null,
        0x7ff8_0003 => beside.next().expect("a value"),
        _ => Arrived::Number(*cell),
    };
    let arrived = cells.iter().map(value).collect();
    assert!(beside.next().is_none(), "each value belongs to a cell");
    arrived
}

/// How SQLite is asked for the values.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// By rusqlite.
    Row,
    /// By ourselves.
    Values,
}

/// Pushes rows of these values as SQLite has them, in a database of that encoding.
fn push_from<B: Beside>(
    encoding: &str,
    chunk: &mut Chunk<B>,
    rows: &[Vec<Given>],
    form: Form,
    way: Way,
) -> Result<(), Error> {
    let connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "encoding", encoding)?;
    let names: Vec<String> = (0..rows[0].len()).map(|n| format!("c{n}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("? AS {name}")).collect();
    let sql = format!("SELECT {}", columns.join(", "));
    let mut statement = connection.prepare(&sql)?;
    for row in rows {
        for (n, given) in row.iter().enumerate() {
            statement.raw_bind_parameter(n + 1, ToSqlOutput::Borrowed(given.value()))?;
        }
        let mut rows = statement.raw_query();
        let row = rows.next()?.expect("a row");
        match way {
            Way::Row => chunk.push_row(row, &names, form)?,
            Way::Values => {
                let values = Values::of(&connection, &sql).expect("it runs");
                chunk.push_values(row, &values, &names, form)?;
            }
        }
    }
    Ok(())
}

fn push<B: Beside>(chunk: &mut Chunk<B>, rows: &[Vec<Given>], form: Form) -> Result<(), Error> {
    push_from("UTF-8", chunk, rows, form, Way::Row)
}

fn rows() -> impl Strategy<Value = Vec<Vec<Given>>> {
    (1..5_usize, 1..20_usize)
        .prop_flat_map(|(width, rows)| prop::collection::vec(prop::collection::vec(given(None), width), rows))
}

proptest! {
    #[test]
    fn any_rows_arrive_as_they_are(rows in rows(), before in rows(), bigints: bool, pluck: bool) {
        let integers = if bigints { Integers::Bigints } else { Integers::NumbersWhereExact };
        let form = Form { integers, first_column: pluck, ..Form::default() };
        let width = if pluck { 1 } else { rows[0].len() };
        let expected: Vec<Arrived> =
            rows.iter().flat_map(|row| row[..width].iter().map(|given| given.arrives(bigints))).collect();
        let (mut direct, mut kept) = (Chunk::new(Arrivals::default()), Chunk::new(Kept::default()));
        // What was gathered and taken before leaves nothing.
        push(&mut direct, &before, form)?;
        direct.beside().0.clear();
        direct.clear();
        push(&mut direct, &rows, form)?;
        push(&mut kept, &rows, form)?;
        prop_assert_eq!(direct.rows(), rows.len());
        prop_assert_eq!(&direct.cells, &kept.cells);
        let mut arrivals = Arrivals::default();
        kept.beside().give(&mut arrivals).expect("enough memory");
        prop_assert_eq!(&arrivals.0, &direct.beside().0);
        prop_assert_eq!(decoded(kept.cells(), arrivals.0), expected);
    }

    #[test]
    fn both_ways_to_ask_for_a_value_give_the_same(rows in rows(), utf16: bool, pluck: bool) {
        let form = Form { integers: Integers::NumbersWhereExact, first_column: pluck, ..Form::default() };
        let encoding = if utf16 { "UTF-16" } else { "UTF-8" };
        let (mut row, mut values) = (Chunk::<Kept>::default(), Chunk::<Kept>::default());
        push_from(encoding, &mut row, &rows, form, Way::Row)?;
        push_from(encoding, &mut values, &rows, form, Way::Values)?;
        prop_assert_eq!(row, values);
    }
}

#[test]
fn a_large_text_comes_in_the_encoding_of_a_string() -> Result<(), Error> {
    for (character, mark) in [("x", LATIN1), ("\u{e9}", LATIN1), ("\u{2603}", UTF16), ("\u{1f600}", UTF16)] {
        let text = "x".repeat(LARGE) + character;
        let mut chunk = Chunk::new(Arrivals::default());
        push(&mut chunk, &[vec![Given::Text(text.clone().into_bytes())]], Form::default())?;
        assert_eq!(chunk.cells(), [mark], "{character}");
        let Some(Arrived::Blob(bytes)) = chunk.beside().0.first() else { panic!("bytes") };
        let back: String = if mark == LATIN1 {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        } else {
            let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16_lossy(&units)
        };
        assert!(back == text, "{character}");
    }
    Ok(())
}

#[test]
fn a_zeroblob_is_as_long_as_it_says() -> Result<(), Error> {
    let connection = Connection::open_in_memory()?;
    let sql = "SELECT zeroblob(3), zeroblob(0), '', x''";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.raw_query();
    let row = rows.next()?.expect("a row");
    let values = Values::of(&connection, sql).expect("it runs");
    let expected =
        [ValueRef::Blob(&[0; 3]), ValueRef::Blob(&[]), ValueRef::Text(b""), ValueRef::Blob(&[]), ValueRef::Null];
    for (column, expected) in (0..).zip(expected) {
        assert_eq!(values.get(row, column), Some(expected), "{column}");
    }
    Ok(())
}

#[test]
fn a_row_of_as_many_columns_as_there_can_be_has_room() -> Result<(), Error> {
    let row: Vec<Given> = (0..2000).map(|n| if n % 4 == 0 { Given::Null } else { Given::Text(vec![b'x']) }).collect();
    let mut chunk = Chunk::new(Kept::default());
    push(&mut chunk, &[row], Form::default())?;
    assert_eq!((chunk.rows(), chunk.cells().len()), (1, 2000));
    assert!(chunk.is_full(2000), "there are so many values beside the cells");
    Ok(())
}

#[test]
fn an_integer_that_no_number_can_hold_is_refused() {
    let mut chunk = Chunk::new(Kept::default());
    let pushed = push(&mut chunk, &[vec![Given::Integer(1 << 53)]], Form::default());
    assert!(matches!(pushed, Err(Error::Inexact { column }) if column == "c0"));
}
