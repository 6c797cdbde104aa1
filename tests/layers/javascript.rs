//! What a JavaScript file uses.

use super::Use;

/// What a JavaScript file requires or imports, without the extension. A name that is no literal stands for itself,
/// which no row allows.
pub(super) fn javascript_uses(source: &str) -> Vec<Use> {
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
