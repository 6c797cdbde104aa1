//! Copies that are as large as a value or a result of a caller. If there is too little memory for
//! one, that is an error instead of the end of the process.

#![forbid(unsafe_code)]

use std::collections::TryReserveError;

/// Appends bytes.
pub(super) fn extend(list: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TryReserveError> {
    list.try_reserve(bytes.len())?;
    list.extend_from_slice(bytes);
    Ok(())
}

/// Bytes in memory of their own.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, TryReserveError> {
    let mut copy = Vec::new();
    extend(&mut copy, bytes)?;
    Ok(copy)
}

/// Appends a text, with U+FFFD for what is no UTF-8.
pub(super) fn push_text(texts: &mut String, text: &[u8]) -> Result<(), TryReserveError> {
    // Nearly every text is UTF-8, and that check is much faster than finding what is wrong with one.
    if let Ok(text) = str::from_utf8(text) {
        return push(texts, text);
    }
    for chunk in text.utf8_chunks() {
        push(texts, chunk.valid())?;
        if !chunk.invalid().is_empty() {
            push(texts, "\u{fffd}")?;
        }
    }
    Ok(())
}

fn push(texts: &mut String, text: &str) -> Result<(), TryReserveError> {
    texts.try_reserve(text.len())?;
    texts.push_str(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_replaced_as_elsewhere() -> Result<(), TryReserveError> {
        for bytes in [&b"a\xffb"[..], b"\xc3", b"", b"\xe2\x82", "\u{e9}".as_bytes(), b"\xed\xa0\x80x"] {
            let mut text = String::from("<");
            push_text(&mut text, bytes)?;
            assert_eq!(text, format!("<{}", String::from_utf8_lossy(bytes)));
        }
        Ok(())
    }
}
