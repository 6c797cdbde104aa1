//! Who may import whom: the sources against one table.
//!
//! Read are the `use` lines and the qualified paths of `src/`, and the `require` calls and imports of the JavaScript
//! face and the program. A path counts when it begins in this crate (`crate`, `super`, `self`) or in one of its dependencies, so that a
//! new dependency is refused wherever no row names it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What the files under `place`, a file or a folder, may use. The longest `place` that fits decides alone.
struct Row {
    place: &'static str,
    may_use: &'static [&'static str],
    /// Exceptions to `may_use`.
    may_not_use: &'static [&'static str],
}

const fn row(place: &'static str, may_use: &'static [&'static str]) -> Row {
    Row { place, may_use, may_not_use: &[] }
}

const TABLE: &[Row] = &[
    row("src/lib.rs", &["crate"]),
    row("src/error.rs", &["crate::error", "crate::lock", "crate::sqlite"]),
    row("src/db.rs", &["crate::db", "crate::Error", "crate::lock", "crate::sqlite"]),
    row("src/db", &["crate::db", "crate::Error", "crate::lock", "crate::sqlite"]),
    row("src/lock", &["crate::lock", "rustix"]),
    row("src/lock/file.rs", &["crate::lock", "rustix", "fs4"]),
    row("src/lock/holder.rs", &["crate::lock", "rustix", "chrono"]),
    row("src/lock/mark.rs", &["crate::lock", "rustix", "nix", "fs4"]),
    row("src/lock/scheduling.rs", &["crate::lock", "nix"]),
    // Where /proc/locks is missing or hides something, only a shared attempt tells whether the lock is held.
    row("src/lock/status.rs", &["crate::lock", "rustix", "fs4"]),
    Row { place: "src/sqlite", may_use: &["crate::sqlite", "rusqlite"], may_not_use: &["rusqlite::ffi"] },
    row("src/sqlite/raw.rs", &["crate::sqlite", "rusqlite"]),
    row("src/node", &["crate", "napi", "napi_derive"]),
    row("index.js", &["./lib", "./package.json"]),
    row("index.mjs", &["./index"]),
    Row { place: "lib", may_use: &[".", "node"], may_not_use: &["./.."] },
    row("lib/native.js", &["./errors", "../binding", "node:path"]),
    // The program is a user of the package like any other.
    row("cli", &[".", "node", "../index"]),
    row("cli/doctor", &[".", "node", "../header", "../holder", "../output", "../proc", "../../index"]),
];

/// Something that a file uses, in full.
struct Use {
    line: usize,
    path: String,
}

/// What the table has against a file.
fn refusals(file: &str, uses: &[Use]) -> Vec<String> {
    let row = TABLE.iter().filter(|row| begins(file, row.place)).max_by_key(|row| row.place.len());
    let verdict = row.map_or("stands in no row of the table and uses", |_| "must not use");
    let listed = |list: &[&str], path: &str| list.iter().any(|name| begins(path, name));
    let allowed = |path| row.is_some_and(|row| listed(row.may_use, path) && !listed(row.may_not_use, path));
    let refused = uses.iter().filter(|used| !allowed(&used.path));
    refused.map(|used| format!("{file}:{}: {verdict} {}", used.line, used.path)).collect()
}

/// Is `path` the same as `start`, or something in it? `rusqlite_x` is not in `rusqlite`.
fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
}

#[test]
fn rust_files_use_what_the_table_allows() -> TestResult {
    let dependencies = dependencies()?;
    check("src", |file, source| rust_uses(file, source, &dependencies))
}

#[test]
fn javascript_files_require_what_the_table_allows() -> TestResult {
    ["lib", "cli", "index.js", "index.mjs"]
        .iter()
        .try_for_each(|place| check(place, |_, source| javascript_uses(source)))
}

#[test]
fn each_row_of_the_table_is_about_something() {
    for row in TABLE {
        assert!(root().join(row.place).exists(), "{} is gone: take its row out of the table", row.place);
    }
}

/// Checks the files under `place`.
fn check(place: &str, uses: impl Fn(&str, &str) -> Vec<Use>) -> TestResult {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in files(&root().join(place))? {
        let file = path.strip_prefix(root())?.to_str().ok_or("a name in UTF-8")?;
        let uses = uses(file, &fs::read_to_string(&path)?);
        seen += uses.len();
        wrong.extend(refusals(file, &uses));
    }
    assert!(wrong.is_empty(), "who may import whom is decided by the table in this file\n{}", wrong.join("\n"));
    assert!(seen > 0, "nothing was read in {place}");
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(place: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(place)? {
        found.extend(files(&entry?.path())?);
    }
    found.sort();
    Ok(found)
}

/// The crates that Cargo.toml names, as Rust spells them. Those for tests only are refused by the compiler elsewhere.
fn dependencies() -> std::io::Result<BTreeSet<String>> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut section = "";
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            names.extend(section.split_once("dependencies.").map(|(_, name)| name.replace('-', "_")));
        } else if section.ends_with("dependencies")
            && section != "dev-dependencies"
            && let Some((name, _)) = line.split_once('=')
        {
            names.insert(name.trim().replace('-', "_"));
        }
    }
    Ok(names)
}

/// A word or a sign of Rust.
#[derive(Clone, Copy)]
struct Token<'s> {
    line: usize,
    text: &'s str,
}

/// The tokens of a source, without comments and literals.
fn tokens(source: &str) -> Vec<Token<'_>> {
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

fn rust_uses<'s>(file: &'s str, source: &'s str, dependencies: &'s BTreeSet<String>) -> Vec<Use> {
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

/// What a JavaScript file requires or imports, without the extension. A name that is no literal stands for itself,
/// which no row allows.
fn javascript_uses(source: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let code = line.trim_start();
        if ["*", "/*", "//"].iter().any(|comment| code.starts_with(comment)) {
            continue;
        }
        // The end of a statement of several lines begins with a brace.
        let statement = ["import ", "export ", "}"].iter().any(|start| code.starts_with(start));
        let markers = ["require(", "import(", " from ", "import '"];
        for marker in if statement { &markers[..] } else { &markers[..2] } {
            for (at, _) in code.match_indices(marker) {
                let name = code[at + marker.len()..].split([')', ';']).next().unwrap_or_default();
                let path = name.trim().trim_matches(['\'', '"', '`']).trim_end_matches(".js");
                uses.push(Use { line: number + 1, path: path.to_owned() });
            }
        }
    }
    uses
}

/// What the checker says of a source, were it to stand at `file`.
fn verdict(file: &str, source: &str) -> TestResult<Vec<String>> {
    let rust = Path::new(file).extension().is_some_and(|extension| extension == "rs");
    let uses = if rust { rust_uses(file, source, &dependencies()?) } else { javascript_uses(source) };
    Ok(refusals(file, &uses))
}

#[test]
fn a_forbidden_use_is_named_with_its_file_and_line() -> TestResult {
    let cases = [
        ("src/lock/queue.rs", "//! fs4::x\nuse rusqlite::Connection;", "2: must not use rusqlite::Connection"),
        ("src/lock/queue.rs", "fn f() {\n    napi::Error::new()\n}", "2: must not use napi::Error::new"),
        ("src/lock/queue.rs", "use crate::{\n    lock::Holder,\n    Database,\n};", "3: must not use crate::Database"),
        ("src/lock/queue.rs", "use super::super::sqlite as s;", "1: must not use crate::sqlite"),
        ("src/lock/queue_tests.rs", "use super::super::super::db::X;", "1: must not use crate::db::X"),
        ("src/lock/mod.rs", "use fs4::FileExt as _;", "1: must not use fs4::FileExt"),
        ("src/lock/file.rs", "let now = chrono::Utc::now();", "1: must not use chrono::Utc::now"),
        ("src/sqlite/rows.rs", "use rusqlite::{Row, ffi::{self}};", "1: must not use rusqlite::ffi::self"),
        (
            "src/sqlite/rows.rs",
            "mod a { mod b { use super::super::super::super::lock; } }",
            "1: must not use crate::lock",
        ),
        ("src/sqlite/raw.rs", "use rustix::fs::Mode;", "1: must not use rustix::fs::Mode"),
        ("src/db.rs", "use napi_derive::napi;", "1: must not use napi_derive::napi"),
        ("src/error.rs", "\n\nimpl From<::rusqlite::Error> for X {}", "3: must not use rusqlite::Error"),
        ("src/node/lock.rs", "let c = '\"'; fs4::lock(c)", "1: must not use fs4::lock"),
        ("src/new.rs", "use crate::lock;", "1: stands in no row of the table and uses crate::lock"),
        ("lib/db.js", "'use strict'\nconst { x } = require('../binding')", "2: must not use ../binding"),
        ("lib/a/b.js", "const b = await import(\"../../binding.js\")", "1: must not use ../../binding"),
        ("lib/rows.js", "require('./../binding.js')", "1: must not use ./../binding"),
        ("lib/rows.js", "require(name)", "1: must not use name"),
        ("lib/native.js", "const o = require('./options')", "1: must not use ./options"),
        ("cli/status.js", "require('../lib/options')", "1: must not use ../lib/options"),
        ("index.js", "module.exports = require('./binding')", "1: must not use ./binding"),
        ("index.mjs", "import {\n  a,\n} from './lib/db.js'", "3: must not use ./lib/db"),
    ];
    for (file, source, expected) in cases {
        assert_eq!(verdict(file, source)?, [format!("{file}:{expected}")], "{source}");
    }
    Ok(())
}

#[test]
fn what_only_looks_like_a_forbidden_use_is_none() -> TestResult {
    let cases = [
        ("src/lock/queue.rs", "/* use napi::Env; */ fn f<'a>(_: &'a str) {} // rusqlite::x\nuse super::Error;"),
        (
            "src/lock/queue.rs",
            r##"let a = ["napi::x \" fs4::y", r#"use "napi"::x;"#]; let b = ('\'', 'x'); // fs4::z"##,
        ),
        ("src/lock/file.rs", "use fs4::FileExt; mod tests { use super::*; fn f() { tempfile::tempdir(); } }"),
        ("src/sqlite/rows.rs", "use rusqlite::{Row, types::Value as V}; fn f() -> impl Sized + use<> { Row::get() }"),
        ("src/lib.rs", "pub mod lock; pub use db::Database; fn f() { crate::sqlite::version(); }"),
        ("lib/db.js", " * require('../binding')\nconst u = require('node:util'), e = require('./errors.js')"),
        ("lib/db.js", "throw new TypeError(`an integer from ${a} to ${b}`)"),
        ("lib/native.js", "const binding = require('../binding.js')"),
    ];
    for (file, source) in cases {
        assert_eq!(verdict(file, source)?, [""; 0], "{source}");
    }
    Ok(())
}
