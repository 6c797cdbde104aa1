//! Any row, put into the room and read again by the description of the form. `PROPTEST_CASES=100000 cargo test properties`
//! looks for longer.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::super::authorizer::Authorizer;
use super::super::form::Integers;
use super::super::test_values::{Arrived, Given, given};
use super::*;

const ROOM_COLUMNS: usize = 6;

/// Reads a row of these values by SQLite.
fn read(given: &[Given], columns: &mut Columns, form: Form, room: &mut [u8]) -> Result<Single, Error> {
    let connection = Connection::open_in_memory()?;
    let names: Vec<String> = (0..given.len()).map(|n| format!("? AS c{n}")).collect();
    let sql = format!("SELECT {}", names.join(", "));
    let names = Names { connection: &connection, authorizer: &Authorizer::default(), sql: &sql };
    let mut statement = connection.prepare(&sql)?;
    for (n, given) in given.iter().enumerate() {
        statement.raw_bind_parameter(n + 1, ToSqlOutput::Borrowed(given.value()))?;
    }
    let mut rows = statement.raw_query();
    let row = rows.next()?.expect("a row");
    hand_over(row, &names, columns, form, room)
}

/// What is in the room.
fn decoded(room: &[u8], texts: &str, apart: &[Apart]) -> Vec<Arrived> {
    let units: Vec<u16> = texts.encode_utf16().collect();
    let count = u32::from_le_bytes(room[4..8].try_into().unwrap());
    let (mut start, mut apart) = (0, apart.iter());
    let cells = room[HEAD_BYTES..].chunks_exact(CELL_BYTES).take(count as usize);
    let one = |cell: &[u8]| {
        let slot: [u8; 8] = cell[8..].try_into().unwrap();
        match i32::from_le_bytes(cell[..4].try_into().unwrap()) {
            NULL => Arrived::Null,
            NUMBER => Arrived::number(slot),
            INTEGER => Arrived::Integer(i64::from_le_bytes(slot)),
            APART => match apart.next().expect("a value") {
                Apart::Text(text) => Arrived::Text(text.clone()),
                Apart::Blob(blob) => Arrived::Blob(blob.clone()),
            },
            end => {
                let end = usize::try_from(end).expect("a text");
                Arrived::text(&units[std::mem::replace(&mut start, end)..end])
            }
        }
    };
    let arrived = cells.map(one).collect();
    assert!(apart.next().is_none(), "each value belongs to a column");
    arrived
}

proptest! {
    #[test]
    fn any_row_arrives_as_it_is(given in prop::collection::vec(given(None), 1..8), bigints: bool) {
        let mut room = [0xff; HEAD_BYTES + ROOM_COLUMNS * CELL_BYTES + 3];
        let expected: Vec<Arrived> = given.iter().map(|given| given.arrives(bigints)).collect();
        let form = Form { integers: if bigints { Integers::Bigints } else { Integers::NumbersWhereExact }, ..Form::default() };
        match read(&given, &mut Columns::default(), form, &mut room)? {
            Single::InRoom { texts, apart } => prop_assert_eq!(decoded(&room, &texts, &apart), expected),
            Single::Encoded(encoded) => {
                prop_assert!(given.len() > ROOM_COLUMNS, "it has room");
                prop_assert_eq!(encoded.columns.len(), given.len());
                prop_assert_eq!(encoded.chunks.len(), 1);
            }
        }
    }

    #[test]
    fn any_room_will_do(given in prop::collection::vec(given(None), 1..4), bytes in 0..80_usize) {
        let form = Form { integers: Integers::NumbersWhereExact, ..Form::default() };
        read(&given, &mut Columns::default(), form, &mut vec![0; bytes])?;
    }
}
