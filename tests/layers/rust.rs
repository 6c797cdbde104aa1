//! What a Rust file uses.

use std::collections::BTreeSet;

use super::Use;
use super::tokens::{Token, tokens};

/// The module that a file is, from its path: `src/lock/file.rs` is `crate::lock::file`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module = vec!["crate"];
    for part in path.split('/').filter(|part| !["lib", "mod"].contains(part)) {
        // Tests that have a file of their own, `x_tests` or `x_properties`, are a module of the file they test.
        match part.rsplit_once('_') {
            Some((tested, name @ ("tests" | "properties"))) => module.extend([tested, name]),
            _ => module.push(part),
        }
    }
    module
}

/// Finds the uses in one Rust file.
struct Reader<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    /// The module at this place; one name longer in each `mod x { … }`.
    module: Vec<&'s str>,
    /// For each open brace: is it that of a `mod x {`?
    braces: Vec<bool>,
    dependencies: &'s BTreeSet<String>,
    uses: Vec<Use>,
}

/// The uses in the `source` of a file, of this crate and of its dependencies.
pub(super) fn rust_uses<'s>(file: &'s str, source: &'s str, dependencies: &'s BTreeSet<String>) -> Vec<Use> {
    let (tokens, module) = (tokens(source), module_of(file));
    let mut reader = Reader { tokens, at: 0, module, braces: Vec::new(), dependencies, uses: Vec::new() };
    while let Some(token) = reader.next() {
        match token.text {
            // `use<…>` in a type names what it captures.
            "use" if !reader.comes("<") => reader.read_tree(&[]),
            "{" => reader.open_brace(),
            "}" => reader.close_brace(),
            word if word.starts_with(char::is_alphabetic) => reader.read_path(token),
            _ => {}
        }
    }
    reader.uses
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Option<Token<'s>> {
        self.at += 1;
        self.tokens.get(self.at - 1).copied()
    }

    fn comes(&self, text: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.text == text)
    }

    fn open_brace(&mut self) {
        let before = self.at.checked_sub(3).map(|from| (self.tokens[from].text, self.tokens[from + 1].text));
        if let Some(("mod", name)) = before {
            self.module.push(name);
        }
        self.braces.push(matches!(before, Some(("mod", _))));
    }

    fn close_brace(&mut self) {
        if self.braces.pop() == Some(true) {
            self.module.pop();
        }
    }

    /// Reads `a::b`, after its first word; a word alone names nothing outside.
    fn read_path(&mut self, first: Token<'s>) {
        let mut path = vec![first.text];
        while self.comes("::") {
            self.at += 1;
            path.extend(self.next().map(|token| token.text));
        }
        if path.len() > 1 {
            self.record(first.line, &path);
        }
    }

    /// Reads what follows `use`, or one branch of a `{…}` in it.
    fn read_tree(&mut self, stem: &[&'s str]) {
        let mut path = stem.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        while let Some(token) = self.next() {
            match token.text {
                "::" => {}
                "as" => self.at += 1,
                "{" => {
                    while !self.comes("}") && self.at < self.tokens.len() {
                        self.read_tree(&path);
                        self.at += usize::from(self.comes(","));
                    }
                    self.at += 1;
                    return;
                }
                "," | ";" | "}" => {
                    self.at -= 1;
                    break;
                }
                name => path.push(name),
            }
        }
        self.record(line, &path);
    }

    fn record(&mut self, line: usize, path: &[&str]) {
        let Some(&first) = path.first() else { return };
        let path = if first == "super" || first == "self" {
            let up = path.iter().filter(|name| **name == "super").count();
            let names = path.iter().skip_while(|name| ["self", "super"].contains(name));
            let from = &self.module[..self.module.len().saturating_sub(up)];
            from.iter().chain(names).copied().collect::<Vec<_>>()
        } else {
            path.to_vec()
        };
        if path[0] == "crate" || self.dependencies.contains(path[0]) {
            self.uses.push(Use { line, path: path.join("::") });
        }
    }
}
