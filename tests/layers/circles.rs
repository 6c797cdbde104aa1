//! No files of `src/` import each other in a circle, whatever the way: directly, over several files, or by a name that
//! another file exports again.
//!
//! What a file exports again belongs to the file that defines it. A `mod x;` alone is no import. The imports of tests do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use super::rust::{Named, module_of, rust_paths};
use super::{TestResult, dependencies, files, root};

/// For each file, the files that it imports, with the line that does.
type Imports = BTreeMap<String, BTreeMap<String, usize>>;

/// The circles among `sources`, each as the lines that close it.
fn circles(sources: &[(String, String)], dependencies: &BTreeSet<String>) -> Vec<String> {
    let imports = imports(sources, dependencies);
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for file in imports.keys() {
        if let Some(circle) = circle_from(file, &imports)
            && !circle.iter().any(|file| seen.contains(file))
        {
            let steps = circle.iter().zip(circle.iter().cycle().skip(1));
            let steps: Vec<String> =
                steps.map(|(file, next)| format!("{file}:{} uses {next}", imports[*file][*next])).collect();
            found.push(steps.join(", "));
            seen.extend(circle);
        }
    }
    found
}

fn imports(sources: &[(String, String)], dependencies: &BTreeSet<String>) -> Imports {
    let modules: BTreeMap<String, &str> =
        sources.iter().map(|(file, _)| (module_of(file).join("::"), file.as_str())).collect();
    let named: Vec<(&str, Vec<Named>)> =
        sources.iter().map(|(file, source)| (file.as_str(), rust_paths(file, source, dependencies))).collect();
    let exported: BTreeMap<String, &str> = named
        .iter()
        .flat_map(|(_, named)| named)
        .filter_map(|named| Some((format!("{}::{}", named.module, named.exported_as.as_ref()?), named.path.as_str())))
        .collect();
    let mut imports = Imports::new();
    for (file, named) in &named {
        let imported = imports.entry((*file).to_owned()).or_default();
        for named in named.iter().filter(|named| named.exported_as.is_none() && !is_test(&named.module)) {
            if let Some(defines) = file_of(&origin(&named.path, &exported), &modules).filter(|other| other != file) {
                imported.entry(defines.to_owned()).or_insert(named.line);
            }
        }
    }
    imports
}

fn is_test(module: &str) -> bool {
    module.split("::").any(|name| ["tests", "properties"].contains(&name) || name.starts_with("test_"))
}

/// Where what `path` names is defined, followed through all that export it again.
fn origin(path: &str, exported: &BTreeMap<String, &str>) -> String {
    let is_inside = |origin: &str, name: &str| origin.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    let export = prefixes(path).find_map(|name| Some((name, *exported.get(name)?)));
    match export {
        // `pub use x::x`: the module has the name of what it exports.
        Some((name, defined)) if defined != name && !is_inside(defined, name) => {
            origin(&format!("{defined}{}", &path[name.len()..]), exported)
        }
        _ => path.to_owned(),
    }
}

/// The file of the innermost module that `path` leads into.
fn file_of<'s>(path: &str, modules: &BTreeMap<String, &'s str>) -> Option<&'s str> {
    prefixes(path).find_map(|prefix| modules.get(prefix).copied())
}

/// `a::b::c`, `a::b`, `a`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.rmatch_indices("::").map(|(at, _)| &path[..at]))
}

/// The shortest circle that `file` is in.
fn circle_from<'i>(file: &'i str, imports: &'i Imports) -> Option<Vec<&'i str>> {
    let (mut reached_from, mut next) = (BTreeMap::new(), VecDeque::from([file]));
    while let Some(at) = next.pop_front() {
        for imported in imports[at].keys() {
            if imported == file {
                let mut circle: Vec<&str> =
                    std::iter::successors(Some(at), |at| reached_from.get(at).copied()).collect();
                circle.reverse();
                return Some(circle);
            }
            if !reached_from.contains_key(imported.as_str()) {
                reached_from.insert(imported.as_str(), at);
                next.push_back(imported);
            }
        }
    }
    None
}

#[test]
fn no_files_of_rust_import_each_other_in_a_circle() -> TestResult {
    let mut sources = Vec::new();
    for path in files(&root().join("src"))? {
        let file = path.strip_prefix(root())?.to_str().ok_or("a name in UTF-8")?;
        sources.push((file.to_owned(), fs::read_to_string(&path)?));
    }
    let circles = circles(&sources, &dependencies()?);
    assert!(circles.is_empty(), "move what both need into a file below them\n{}", circles.join("\n"));
    Ok(())
}

/// The circles among files of these names and sources.
fn circles_of(sources: &[(&str, &str)]) -> TestResult<Vec<String>> {
    let sources: Vec<_> = sources.iter().map(|(file, source)| ((*file).to_owned(), (*source).to_owned())).collect();
    Ok(circles(&sources, &dependencies()?))
}

#[test]
fn a_circle_is_named_with_each_of_its_lines() -> TestResult {
    let direct = [("src/a/b.rs", "\nuse super::c::C;"), ("src/a/c.rs", "fn f() -> crate::a::b::B {}")];
    assert_eq!(circles_of(&direct)?, ["src/a/b.rs:2 uses src/a/c.rs, src/a/c.rs:1 uses src/a/b.rs"]);

    let by_three = [
        ("src/a/b.rs", "use super::c;"),
        ("src/a/c.rs", "use super::d::D;"),
        ("src/a/d.rs", "use crate::a::b::{B, b as x};"),
        ("src/a/e.rs", "use super::b::B;"),
    ];
    let expected = "src/a/b.rs:1 uses src/a/c.rs, src/a/c.rs:1 uses src/a/d.rs, src/a/d.rs:1 uses src/a/b.rs";
    assert_eq!(circles_of(&by_three)?, [expected]);

    let by_an_export = [
        ("src/lib.rs", "mod a; pub use a::B as E;"),
        ("src/a/mod.rs", "mod b; mod c; pub(crate) use b::B;"),
        ("src/a/b.rs", "use super::c;"),
        ("src/a/c.rs", "use crate::E;"),
    ];
    assert_eq!(circles_of(&by_an_export)?, ["src/a/b.rs:1 uses src/a/c.rs, src/a/c.rs:1 uses src/a/b.rs"]);

    let by_an_imported_module = [
        ("src/a/mod.rs", "mod b; mod c; pub(crate) use b::B;"),
        ("src/a/b.rs", "use super::c;"),
        ("src/a/c.rs", "use crate::a;\nfn f(_: a::B) {}"),
    ];
    assert_eq!(circles_of(&by_an_imported_module)?, ["src/a/b.rs:1 uses src/a/c.rs, src/a/c.rs:2 uses src/a/b.rs"]);

    let with_the_parent = [("src/a.rs", "mod b;\nfn f() { b::g() }"), ("src/a/b.rs", "use super::A;")];
    assert_eq!(circles_of(&with_the_parent)?, ["src/a.rs:2 uses src/a/b.rs, src/a/b.rs:1 uses src/a.rs"]);
    Ok(())
}

#[test]
fn what_only_looks_like_a_circle_is_none() -> TestResult {
    let parts = [
        ("src/a.rs", "mod b; pub use b::{B, c::C}; struct A;"),
        ("src/a/b.rs", "use super::A; use self::B; mod tests { use crate::a::d::D; }"),
        ("src/a/d.rs", "use super::{A, B}; // use super::e"),
        ("src/a/d_tests.rs", "use super::*; use crate::a::e;"),
        ("src/a/e.rs", "use super::d;"),
    ];
    assert_eq!(circles_of(&parts)?, [""; 0]);
    Ok(())
}
