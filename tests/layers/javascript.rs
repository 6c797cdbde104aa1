//! What a JavaScript file uses.

use super::Use;

/// What a JavaScript file requires or imports, without the extension: a file by its path from the root. A name that is no
/// literal stands for itself, which no row allows.
pub(super) fn javascript_uses(file: &str, source: &str) -> Vec<Use> {
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
                let name = name.trim().trim_matches(['\'', '"', '`']).trim_end_matches(".js");
                uses.push(Use { line: number + 1, path: resolved(file, name) });
            }
        }
    }
    uses
}

/// A name that begins with a dot, from the root; it keeps the dots that lead out of that.
fn resolved(file: &str, name: &str) -> String {
    if !name.starts_with('.') {
        return name.to_owned();
    }
    let mut path: Vec<&str> = file.split('/').collect();
    path.pop();
    for part in name.split('/').filter(|part| *part != ".") {
        if part == ".." && path.last().is_some_and(|last| *last != "..") {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path.join("/")
}
