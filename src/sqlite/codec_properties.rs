//! Properties of the codec: any block of bytes, and any batch.
//! `PROPTEST_CASES=100000 cargo test properties` tries more of them.

use proptest::prelude::*;
use rusqlite::types::Value;

use super::super::test_values::reals;
use super::*;

type Named = (Option<String>, Value);

/// A write that owns what it is made of.
#[derive(Clone, Debug)]
enum Owned {
    CreateRecord(String, i64),
    UpdateRecord(i64, i64),
    Run(u32, Vec<Named>),
    Query(u32, Vec<Named>, u8),
    All(Vec<Self>),
    Exec(u32),
    Control(u8),
}

const STATEMENTS: u32 = 3;

fn statements() -> Vec<String> {
    (0..STATEMENTS).map(|n| format!("SELECT {n}")).collect()
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        reals().prop_map(Value::Real),
        any::<String>().prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Blob),
    ]
}

fn one(nested: bool) -> BoxedStrategy<Owned> {
    let parameters = || prop::collection::vec((any::<Option<String>>(), value()), 0..5);
    let single = prop_oneof![
        (any::<String>(), any::<i64>()).prop_map(|(name, value)| Owned::CreateRecord(name, value)),
        (any::<i64>(), any::<i64>()).prop_map(|(id, value)| Owned::UpdateRecord(id, value)),
        (0..STATEMENTS, parameters()).prop_map(|(sql, parameters)| Owned::Run(sql, parameters)),
        (0..STATEMENTS, parameters(), any::<u8>())
            .prop_map(|(sql, parameters, form)| Owned::Query(sql, parameters, form)),
        (0..STATEMENTS).prop_map(Owned::Exec),
        (0..6_u8).prop_map(Owned::Control),
    ];
    if nested {
        return single.boxed();
    }
    prop_oneof![4 => single, 1 => prop::collection::vec(one(true), 0..4).prop_map(Owned::All)].boxed()
}

fn batch() -> impl Strategy<Value = Vec<Owned>> {
    prop::collection::vec(one(false), 1..6)
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
}

fn put_counted(bytes: &mut Vec<u8>, counted: &[u8]) {
    put_length(bytes, counted.len());
    bytes.extend(counted);
}

fn put_parameters(bytes: &mut Vec<u8>, parameters: &[Named]) {
    put_length(bytes, parameters.len());
    for (name, value) in parameters {
        let tag = match value {
            Value::Null => NULL,
            Value::Integer(_) => INTEGER,
            Value::Real(_) => REAL,
            Value::Text(_) => TEXT,
            Value::Blob(_) => BLOB,
        };
        bytes.push(if name.is_some() { tag | NAMED } else { tag });
        if let Some(name) = name {
            put_counted(bytes, name.as_bytes());
        }
        match value {
            Value::Null => {}
            Value::Integer(integer) => bytes.extend(integer.to_le_bytes()),
            Value::Real(real) => bytes.extend(real.to_le_bytes()),
            Value::Text(text) => put_counted(bytes, text.as_bytes()),
            Value::Blob(blob) => put_counted(bytes, blob),
        }
    }
}

fn put(bytes: &mut Vec<u8>, write: &Owned) {
    match write {
        Owned::CreateRecord(name, value) => {
            bytes.push(CREATE_RECORD);
            bytes.extend(value.to_le_bytes());
            put_counted(bytes, name.as_bytes());
        }
        Owned::UpdateRecord(id, value) => {
            bytes.push(UPDATE_RECORD);
            bytes.extend(id.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        Owned::Run(sql, parameters) => {
            bytes.push(RUN);
            bytes.extend(sql.to_le_bytes());
            put_parameters(bytes, parameters);
        }
        Owned::Query(sql, parameters, form) => {
            bytes.extend([QUERY, *form]);
            bytes.extend(sql.to_le_bytes());
            put_parameters(bytes, parameters);
        }
        Owned::All(writes) => {
            bytes.push(ALL);
            put_length(bytes, writes.len());
            for write in writes {
                put(bytes, write);
            }
        }
        Owned::Exec(sql) => {
            bytes.push(EXEC);
            bytes.extend(sql.to_le_bytes());
        }
        Owned::Control(which) => bytes.extend([CONTROL, *which]),
    }
}

fn encoded(batch: &[Owned]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for write in batch {
        put(&mut bytes, write);
    }
    bytes
}

fn parameters_of(parameters: &[Named]) -> Vec<Parameter<'_>> {
    parameters.iter().map(|(name, value)| Parameter { name: name.as_deref(), value: value.into() }).collect()
}

fn expected<'b>(statements: &'b [String], batch: &'b [Owned]) -> Vec<Write<'b>> {
    let sql = |index: &u32| statements[*index as usize].as_str();
    let one = |write: &'b Owned| match write {
        Owned::CreateRecord(name, value) => Write::CreateRecord { name, value: *value },
        Owned::UpdateRecord(id, value) => Write::UpdateRecord { id: *id, value: *value },
        Owned::Run(index, parameters) => Write::Run { sql: sql(index), parameters: parameters_of(parameters) },
        Owned::Query(index, parameters, form) => {
            Write::Query { sql: sql(index), parameters: parameters_of(parameters), form: Form::from_bits(*form) }
        }
        Owned::All(writes) => Write::All(expected(statements, writes)),
        Owned::Exec(index) => Write::Exec { sql: sql(index) },
        Owned::Control(which) => Write::Control(CONTROLS[usize::from(*which)]),
    };
    batch.iter().map(one).collect()
}

/// How much room the lists have that were made.
fn room(writes: &[Write<'_>]) -> usize {
    let inner = |write: &Write<'_>| match write {
        Write::Run { parameters, .. } | Write::Query { parameters, .. } => parameters.capacity(),
        Write::All(writes) => writes.capacity() + room(writes),
        _ => 0,
    };
    writes.iter().map(inner).sum()
}

proptest! {
    #[test]
    fn any_batch_is_decoded_to_what_was_encoded(batch in batch()) {
        let (statements, bytes) = (statements(), encoded(&batch));
        prop_assert_eq!(decode(&statements, &bytes), Some(expected(&statements, &batch)));
    }

    #[test]
    fn any_parameters_are_decoded_whatever_stands_behind_them(
        parameters in prop::collection::vec((any::<Option<String>>(), value()), 0..6),
        behind: Vec<u8>,
    ) {
        let mut bytes = Vec::new();
        put_parameters(&mut bytes, &parameters);
        bytes.extend(behind);
        prop_assert_eq!(decode_parameters(&bytes), Some(parameters_of(&parameters)));
    }

    /// What a number in the bytes says never makes room by itself: it is made for what is there.
    #[test]
    fn any_bytes_are_decoded_or_refused_within_their_room(bytes: Vec<u8>) {
        let statements = statements();
        if let Some(writes) = decode(&statements, &bytes) {
            prop_assert!(writes.capacity() + room(&writes) <= 2 * bytes.len() + 8);
        }
        if let Some(parameters) = decode_parameters(&bytes) {
            prop_assert!(parameters.capacity() <= 2 * bytes.len() + 4);
        }
    }

    #[test]
    fn a_batch_with_some_bytes_changed_is_decoded_or_refused_within_its_room(
        batch in batch(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end: prop::sample::Index,
    ) {
        let (statements, mut bytes) = (statements(), encoded(&batch));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..end.index(bytes.len())]] {
            if let Some(writes) = decode(&statements, bytes) {
                prop_assert!(writes.capacity() + room(&writes) <= 4 * bytes.len() + 8);
            }
        }
    }
}

#[test]
fn a_count_that_nothing_follows_makes_no_room() {
    let mut bytes = vec![ALL];
    bytes.extend(u32::MAX.to_le_bytes());
    assert_eq!(decode(&[], &bytes), None);
    assert_eq!(decode_parameters(&u32::MAX.to_le_bytes()), None);
}
