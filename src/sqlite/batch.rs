//! Writes, and how a batch of them comes from JavaScript: as one block of bytes, one call over the border however many
//! writes. `lib/batch.js` encodes each write at the call, so that its values are copied then.
//!
//! ```text
//! batch := write...
//! write := CREATE_RECORD, i64 value, u32 length, name in UTF-8
//!        | UPDATE_RECORD, i64 id, i64 value
//! ```
//!
//! All numbers are little-endian. A block that is not of this form is refused as a whole.

#![forbid(unsafe_code)]

const CREATE_RECORD: u8 = 0;
const UPDATE_RECORD: u8 = 1;

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'b> {
    /// Inserts a record; results in its id.
    CreateRecord {
        /// Its name.
        name: &'b str,
        /// Its value.
        value: i64,
    },
    /// Sets the value of a record; results in the number of records that have this id.
    UpdateRecord {
        /// Its id.
        id: i64,
        /// Its new value.
        value: i64,
    },
}

/// Decodes a batch; `None` when it is not of the form above.
#[cfg_attr(not(any(feature = "node", test)), expect(dead_code, reason = "a Rust program has its writes at hand"))]
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Write<'_>>> {
    let mut writes = Vec::new();
    while !bytes.is_empty() {
        writes.push(write(&mut bytes)?);
    }
    Some(writes)
}

fn write<'b>(bytes: &mut &'b [u8]) -> Option<Write<'b>> {
    match array(bytes)? {
        [CREATE_RECORD] => {
            let value = i64::from_le_bytes(array(bytes)?);
            let length = u32::from_le_bytes(array(bytes)?);
            let name = std::str::from_utf8(take(bytes, usize::try_from(length).ok()?)?).ok()?;
            Some(Write::CreateRecord { name, value })
        }
        [UPDATE_RECORD] => Some(Write::UpdateRecord {
            id: i64::from_le_bytes(array(bytes)?),
            value: i64::from_le_bytes(array(bytes)?),
        }),
        _ => None,
    }
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
        bytes
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let bytes = encoded();
        let expected =
            [Write::CreateRecord { name: "a\u{e9}", value: -5 }, Write::UpdateRecord { id: i64::MAX, value: 7 }];
        assert_eq!(decode(&bytes).as_deref(), Some(&expected[..]));
        assert_eq!(decode(&[]), Some(vec![]));
    }

    #[test]
    fn a_block_that_is_cut_off_or_of_another_form_is_refused() {
        let bytes = encoded();
        let whole_first_write = 16;
        for length in (1..bytes.len()).filter(|&length| length != whole_first_write) {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(decode(&[9]), None);
        let mut invalid_utf_8 = bytes;
        invalid_utf_8[14] = 0xff;
        assert_eq!(decode(&invalid_utf_8), None);
    }
}
