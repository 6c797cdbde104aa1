//! A Rust source, taken apart.

/// A word or a sign of Rust.
#[derive(Clone, Copy)]
pub(super) struct Token<'s> {
    pub(super) line: usize,
    pub(super) text: &'s str,
}

/// The tokens of a source, without comments and literals.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match literal_or_comment(rest) {
            Some(length) => length,
            None if first.is_whitespace() => first.len_utf8(),
            None => {
                let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
                tokens.push(Token { line, text: &rest[..length] });
                length
            }
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

/// The length of the comment or literal that `rest` begins with. A lifetime is neither.
fn literal_or_comment(rest: &str) -> Option<usize> {
    let end_of = |pattern: &str, from: usize| rest.get(from..)?.find(pattern).map(|at| from + at + pattern.len());
    if rest.starts_with("//") {
        return rest.find('\n').or(Some(rest.len()));
    }
    if rest.starts_with("/*") {
        return end_of("*/", 2);
    }
    let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').map(|raw| raw.trim_start_matches('#'));
    if let Some(text) = raw.and_then(|raw| raw.strip_prefix('"')) {
        let opened = rest.len() - text.len();
        let hashes = rest[..opened].matches('#').count();
        return end_of(&format!("\"{}", "#".repeat(hashes)), opened);
    }
    if let Some(text) = rest.strip_prefix('"') {
        let mut escaped = false;
        let quote = text.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        return quote.map(|at| at + 2);
    }
    let mut character = rest.strip_prefix('\'')?.chars();
    match (character.next()?, character.next()?) {
        ('\\', escaped) => end_of("'", 2 + escaped.len_utf8()),
        (quoted, '\'') => Some(2 + quoted.len_utf8()),
        _ => None,
    }
}
