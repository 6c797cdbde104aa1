//! The statements of a text, separated by the rules of `sqlite3_complete()`,
//! <https://www.sqlite.org/c3ref/complete.html>.
//!
//! The text is read once, so a script takes time in proportion to its length. This module does not
//! decide what a statement may do: SQLite's authorizer judges each statement when it is compiled.

#![forbid(unsafe_code)]

/// A statement of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'s> {
    /// From its first token to its semicolon, if it has one.
    pub(super) text: &'s str,
    /// Its first word; empty when it begins with something else.
    pub(super) keyword: &'s str,
}

/// The statements of a text; those without a token are left out.
pub(super) fn statements(sql: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let (part, behind) = next(rest)?;
        rest = behind;
        Some(part)
    })
}

/// How far a statement has got. In the body of a trigger a semicolon does not end it, but for the one behind `; END`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScanState {
    Start,
    Explain,
    Create,
    Normal,
    Trigger,
    Semicolon,
    End,
}

impl ScanState {
    fn after(self, word: &str) -> Self {
        let is = |expected: &[&str]| expected.iter().any(|expected| word.eq_ignore_ascii_case(expected));
        match self {
            Self::Start if is(&["EXPLAIN"]) => Self::Explain,
            Self::Start | Self::Explain if is(&["CREATE"]) => Self::Create,
            Self::Create if is(&["TEMP", "TEMPORARY"]) => Self::Create,
            Self::Create if is(&["TRIGGER"]) => Self::Trigger,
            // EXPLAIN QUERY PLAN CREATE.
            Self::Explain => Self::Explain,
            Self::Semicolon if is(&["END"]) => Self::End,
            Self::Trigger | Self::Semicolon | Self::End => Self::Trigger,
            Self::Start | Self::Create | Self::Normal => Self::Normal,
        }
    }
}

/// The first statement and what stands behind it; `None` when there is none.
fn next(sql: &str) -> Option<(Part<'_>, &str)> {
    let (mut at, mut state, mut begin, mut keyword) = (0, ScanState::Start, None, "");
    while at < sql.len() {
        let (token, length) = token(&sql.as_bytes()[at..]);
        let here = at;
        at += length;
        match token {
            Token::Space => continue,
            Token::Semicolon => match (begin, state) {
                (None, _) => continue,
                (_, ScanState::Trigger | ScanState::Semicolon) => state = ScanState::Semicolon,
                (Some(begin), _) => return Some((Part { text: &sql[begin..at], keyword }, &sql[at..])),
            },
            Token::Word => {
                if begin.is_none() {
                    keyword = &sql[here..at];
                }
                state = state.after(&sql[here..at]);
            }
            Token::Other => state = state.after(""),
        }
        begin = begin.or(Some(here));
    }
    begin.map(|begin| (Part { text: &sql[begin..], keyword }, ""))
}

enum Token {
    /// White space or a comment.
    Space,
    Semicolon,
    /// A keyword, a name, or a number.
    Word,
    Other,
}

/// The first token of a text that is not empty, and its length in bytes.
fn token(text: &[u8]) -> (Token, usize) {
    let until = |from: usize, end: &[u8]| {
        let found = text[from..].windows(end.len()).position(|window| window == end);
        found.map_or(text.len(), |found| from + found + end.len())
    };
    let run = |is_of: fn(u8) -> bool| text.iter().position(|byte| !is_of(*byte)).unwrap_or(text.len());
    match text {
        [b';', ..] => (Token::Semicolon, 1),
        [b'-', b'-', ..] => (Token::Space, until(2, b"\n")),
        // Two characters at the very end are no comment to SQLite.
        [b'/', b'*', _, ..] => (Token::Space, until(2, b"*/")),
        // The mark of the byte order.
        [0xef, 0xbb, 0xbf, ..] => (Token::Space, 3),
        // A quote that is doubled ends one text and begins another.
        [quote @ (b'\'' | b'"' | b'`'), ..] => (Token::Other, until(1, &[*quote])),
        [b'[', ..] => (Token::Other, until(1, b"]")),
        [first, ..] if is_space(*first) => (Token::Space, run(is_space)),
        [first, ..] if is_of_word(*first) => (Token::Word, run(is_of_word)),
        _ => (Token::Other, 1),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
