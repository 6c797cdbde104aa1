//! What a Rust file uses.

use std::collections::{BTreeMap, BTreeSet};

use super::Use;
use super::tokens::{Token, tokens};

/// The module that a file is, from its path: `src/lock/file.rs` is `crate::lock::file`.
pub(super) fn module_of(file: &str) -> Vec<&str> {
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

/// A path that a Rust file names, in full.
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
    /// The module that names it.
    pub(super) module: String,
    /// The name under which a `pub use` exports it.
    pub(super) exported_as: Option<String>,
}

/// Finds the paths in one Rust file.
struct PathReader<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    /// The module at this place; one name longer in each `mod x { … }`.
    module: Vec<&'s str>,
    /// For each open brace: is it that of a `mod x {`?
    braces: Vec<bool>,
    dependencies: &'s BTreeSet<String>,
    /// The modules that the file declares, and what it imports: names that a path may begin with.
    known: BTreeMap<&'s str, String>,
    /// Is a `pub use` being read?
    exports: bool,
    named: Vec<Named>,
}

/// The uses in the `source` of a file, of this crate and of its dependencies.
pub(super) fn rust_uses(file: &str, source: &str, dependencies: &BTreeSet<String>) -> Vec<Use> {
    let named = rust_paths(file, source, dependencies);
    named.into_iter().map(|Named { line, path, .. }| Use { line, path }).collect()
}

/// The same with where each is named, and what is exported.
pub(super) fn rust_paths<'s>(file: &'s str, source: &'s str, dependencies: &'s BTreeSet<String>) -> Vec<Named> {
    let (tokens, module) = (tokens(source), module_of(file));
    let declared = tokens.windows(3).filter(|three| three[0].text == "mod" && three[2].text == ";");
    let known = declared.map(|three| (three[1].text, format!("{}::{}", module.join("::"), three[1].text))).collect();
    let mut reader = PathReader {
        tokens,
        at: 0,
        module,
        braces: Vec::new(),
        dependencies,
        known,
        exports: false,
        named: Vec::new(),
    };
    while let Some(token) = reader.next() {
        match token.text {
            // `use<…>` in a type names what it captures.
            "use" if !reader.comes("<") => {
                // `pub` or `pub(…)` stands before it.
                reader.exports = reader.at > 1 && ["pub", ")"].contains(&reader.tokens[reader.at - 2].text);
                reader.read_tree(&[]);
            }
            "{" => reader.open_brace(),
            "}" => reader.close_brace(),
            word if word.starts_with(char::is_alphabetic) => reader.read_path(token),
            _ => {}
        }
    }
    reader.named
}

impl<'s> PathReader<'s> {
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
            self.record(first.line, &path, None);
        }
    }

    /// Reads what follows `use`, or one branch of a `{…}` in it.
    fn read_tree(&mut self, stem: &[&'s str]) {
        let mut path = stem.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut name = None;
        while let Some(token) = self.next() {
            match token.text {
                "::" => {}
                "as" => name = self.next().map(|token| token.text),
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
                part => path.push(part),
            }
        }
        // `a::{self}` imports `a`.
        let name = name.or_else(|| path.iter().rfind(|part| **part != "self").copied());
        self.record(line, &path, name);
    }

    /// Records a path if it leads into this crate or a dependency. `imported_as` is the name that a `use` gives it.
    fn record(&mut self, line: usize, path: &[&str], imported_as: Option<&'s str>) {
        let Some(&first) = path.first() else { return };
        let path = if first == "super" || first == "self" {
            let up = path.iter().filter(|name| **name == "super").count();
            let names = path.iter().skip_while(|name| ["self", "super"].contains(name));
            let from = &self.module[..self.module.len().saturating_sub(up)];
            from.iter().chain(names).copied().collect::<Vec<_>>()
        } else if let Some(known) = self.known.get(first) {
            known.split("::").chain(path[1..].iter().copied()).collect()
        } else {
            path.to_vec()
        };
        if path[0] == "crate" || self.dependencies.contains(path[0]) {
            let path = path.join("::");
            if let Some(name) = imported_as {
                self.known.insert(name, path.trim_end_matches("::self").to_owned());
            }
            let exported_as = imported_as.filter(|_| self.exports).map(ToOwned::to_owned);
            self.named.push(Named { line, path, module: self.module.join("::"), exported_as });
        }
    }
}
