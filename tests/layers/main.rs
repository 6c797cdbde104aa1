//! Who may import whom: the sources against one table.
//!
//! Read are the `use` lines and the qualified paths of `src/`, and the `require` calls and imports of the JavaScript
//! face, the program and the adapters. A path counts when it begins in this crate (`crate`, `super`, `self`, a module
//! that the file declares, a name that it imports) or in one of its dependencies, so that a new dependency is refused
//! wherever no row names it. In `src/` no files import each other in a circle, see `circles`.

mod circles;
mod javascript;
mod rust;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use javascript::javascript_uses;
use rust::rust_uses;

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
    // The operating system is below everything, and one of two folders.
    row("src/os", &["crate::os"]),
    row("src/os/unix", &["crate::os", "rustix"]),
    row("src/os/windows", &["crate::os", "windows_sys"]),
    row("src/os/unix/lock.rs", &["crate::os", "rustix", "fs4"]),
    row("src/os/unix/mark.rs", &["crate::os", "rustix", "nix", "fs4"]),
    row("src/os/unix/scheduling.rs", &["crate::os", "nix"]),
    row("src/db.rs", &["crate::db", "crate::Error", "crate::lock", "crate::sqlite"]),
    row("src/db", &["crate::db", "crate::Error", "crate::lock", "crate::sqlite"]),
    row("src/db/changes.rs", &["crate::db", "crate::Error", "crate::lock", "crate::sqlite", "crate::threads"]),
    row("src/db/watching.rs", &["crate::db", "crate::Error", "crate::os", "crate::sqlite"]),
    row("src/lock", &["crate::lock", "crate::os"]),
    row("src/lock/holder.rs", &["crate::lock", "crate::os", "chrono"]),
    row("src/lock/queue/waiter.rs", &["crate::lock", "crate::os", "crate::threads"]),
    Row { place: "src/sqlite", may_use: &["crate::sqlite", "crate::os", "rusqlite"], may_not_use: &["rusqlite::ffi"] },
    Row {
        place: "src/sqlite/connection.rs",
        may_use: &["crate::sqlite", "crate::threads", "rusqlite"],
        may_not_use: &["rusqlite::ffi"],
    },
    row("src/sqlite/raw.rs", &["crate::sqlite", "rusqlite"]),
    row("src/node", &["crate", "napi", "napi_derive"]),
    // The entry alone joins the engine and the classes.
    row("index.js", &["lib/api", "lib/sqlite/engine", "lib/base/errors", "package.json"]),
    row("index.mjs", &["index"]),
    // The rooms of the JavaScript face: each knows itself and those below it, and none but its own an engine.
    row("lib/api", &["lib/api", "lib/scope", "lib/write", "lib/base", "node"]),
    row("lib/scope", &["lib/scope", "lib/write", "lib/base", "node"]),
    row("lib/write", &["lib/write", "lib/base", "node"]),
    row("lib/base", &["lib/base", "node"]),
    row("lib/engine.d.ts", &["lib/base", "index.d.ts"]),
    row("lib/sqlite", &["lib/sqlite", "lib/base", "node"]),
    row("lib/sqlite/native.js", &["lib/sqlite/home", "lib/base/errors", "binding"]),
    // The program is a user of the package like any other.
    row("cli", &["cli", "node", "index"]),
    // And so are the adapters, each with its library.
    row(
        "adapters/drizzle",
        &["adapters/drizzle", "adapters/foreign-keys", "node", "index", "drizzle-orm", "sqlock/drizzle"],
    ),
    row("adapters/knex", &["adapters/knex", "adapters/foreign-keys", "node", "index", "knex"]),
    row("adapters/kysely", &["adapters/kysely", "node", "index", "kysely"]),
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

/// Only `src/os` knows which system it is.
#[test]
fn no_file_but_those_of_the_operating_system_asks_for_it() -> TestResult {
    const NAMES: [&str; 8] = [
        "std::os::",
        "target_os",
        "target_family",
        "target_env",
        "cfg(unix",
        "cfg(windows",
        "cfg(not(unix",
        "cfg(not(windows",
    ];
    for path in files(&root().join("src"))? {
        let file = path.strip_prefix(root())?.to_str().ok_or("a name in UTF-8")?;
        let source = fs::read_to_string(&path)?;
        for (line, text) in source.lines().enumerate().filter(|_| !file.starts_with("src/os")) {
            assert!(!NAMES.iter().any(|name| text.contains(name)), "{file}:{}: {text}\nask src/os instead", line + 1);
        }
    }
    Ok(())
}

#[test]
fn javascript_files_require_what_the_table_allows() -> TestResult {
    ["lib", "cli", "adapters", "index.js", "index.mjs"].iter().try_for_each(|place| check(place, javascript_uses))
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

/// What the checker says of a source, were it to stand at `file`.
fn verdict(file: &str, source: &str) -> TestResult<Vec<String>> {
    let rust = Path::new(file).extension().is_some_and(|extension| extension == "rs");
    let uses = if rust { rust_uses(file, source, &dependencies()?) } else { javascript_uses(file, source) };
    Ok(refusals(file, &uses))
}

#[test]
fn a_forbidden_use_is_named_with_its_file_and_line() -> TestResult {
    let cases = [
        ("src/lock/queue.rs", "//! fs4::x\nuse rusqlite::Connection;", "2: must not use rusqlite::Connection"),
        ("src/lock/queue.rs", "fn f() {\n    napi::Error::new()\n}", "2: must not use napi::Error::new"),
        ("src/lock/queue.rs", "use crate::{\n    lock::Holder,\n    Database,\n};", "3: must not use crate::Database"),
        ("src/lock/queue.rs", "use super::super::sqlite as s;", "1: must not use crate::sqlite"),
        ("src/sqlite/split_tests.rs", "use super::super::super::db::X;", "1: must not use crate::db::X"),
        ("src/lock/mod.rs", "use fs4::FileExt as _;", "1: must not use fs4::FileExt"),
        ("src/lock/file.rs", "use rustix::fs::Mode;", "1: must not use rustix::fs::Mode"),
        ("src/os/mod.rs", "use windows_sys::Win32;", "1: must not use windows_sys::Win32"),
        ("src/os/unix/files.rs", "use crate::lock::Error;", "1: must not use crate::lock::Error"),
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
        ("lib/api/db.js", "'use strict'\nconst x = require('../../binding')", "2: must not use binding"),
        ("lib/api/db.js", "const b = await import(\"../../binding.js\")", "1: must not use binding"),
        ("lib/api/db.js", "const r = require('../sqlite/reader')", "1: must not use lib/sqlite/reader"),
        ("lib/scope/session.js", "require('../api/db')", "1: must not use lib/api/db"),
        ("lib/write/lane.js", "require('../scope/hold')", "1: must not use lib/scope/hold"),
        ("lib/base/abort.js", "require('../write/lane')", "1: must not use lib/write/lane"),
        ("lib/sqlite/reader.js", "require('../write/batch')", "1: must not use lib/write/batch"),
        ("lib/sqlite/rows.js", "require('./../../binding.js')", "1: must not use binding"),
        ("lib/sqlite/rows.js", "require(name)", "1: must not use name"),
        ("lib/sqlite/native.js", "const o = require('./engine')", "1: must not use lib/sqlite/engine"),
        ("lib/new.js", "require('./base/abort')", "1: stands in no row of the table and uses lib/base/abort"),
        ("cli/status.js", "require('../lib/api/options')", "1: must not use lib/api/options"),
        ("cli/status.js", "require('../../index')", "1: must not use ../index"),
        ("adapters/knex/pool.js", "require('../../lib/api/db')", "1: must not use lib/api/db"),
        ("adapters/knex/pool.js", "require('kysely')", "1: must not use kysely"),
        ("index.js", "module.exports = require('./binding')", "1: must not use binding"),
        ("index.js", "require('./lib/sqlite/native')", "1: must not use lib/sqlite/native"),
        ("index.mjs", "import {\n  a,\n} from './lib/api/db.js'", "3: must not use lib/api/db"),
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
        ("src/os/unix/lock.rs", "use fs4::FileExt; mod tests { use super::*; fn f() { tempfile::tempdir(); } }"),
        ("src/sqlite/rows.rs", "use rusqlite::{Row, types::Value as V}; fn f() -> impl Sized + use<> { Row::get() }"),
        ("src/lib.rs", "pub mod lock; pub use db::Database; fn f() { crate::sqlite::version(); }"),
        ("lib/api/db.js", " * require('../binding')\nconst u = require('node:util'), e = require('./errors.js')"),
        ("lib/api/db.js", "throw new TypeError(`an integer from ${a} to ${b}`)"),
        ("lib/sqlite/native.js", "const binding = require('../../binding.js')"),
    ];
    for (file, source) in cases {
        assert_eq!(verdict(file, source)?, [""; 0], "{source}");
    }
    Ok(())
}
