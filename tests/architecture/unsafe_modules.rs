//! `unsafe` lives behind named unsafe modules, and each use of it says why it is sound.
//!
//! clippy asks for the same comments; this test also holds where clippy is not run, and it
//! keeps the list of the unsafe modules, so that a new one is a change that a reviewer sees.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where unsafe code may be allowed: the file that allows it, and for which of its modules
/// (none: for the item beside it or for the whole file).
const UNSAFE_MODULES: [(&str, &str); 7] = [
    ("cell/mod.rs", "raw"),
    ("combine/node.rs", ""),
    ("group/mod.rs", "child"),
    ("runtime/mod.rs", "context"),
    ("util/mod.rs", "credentials"),
    ("util/mod.rs", "shown"),
    ("util/mod.rs", "signals"),
];

/// Returns the modules for which `text` allows unsafe code; an empty name for anything else.
fn unsafe_modules(text: &str) -> Vec<String> {
    let tokens = crate::source::tokens(text);
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let lint = ["allow", "expect", "warn"].contains(&word(at)) && word(at + 1) == "(";
        let Some(length) = tokens[at..].iter().position(|token| token.text == "]") else {
            continue;
        };
        let end = at + length;
        if lint
            && tokens[at..end]
                .iter()
                .any(|token| token.text == "unsafe_code")
        {
            let module = (word(end + 1) == "mod").then(|| word(end + 2));
            found.push(module.unwrap_or_default().to_owned());
        }
    }
    found
}

/// Returns the lines of unsafe blocks or impls without a `SAFETY:` comment.
fn unexplained(text: &str) -> Vec<usize> {
    let tokens = crate::source::tokens(text);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let uses = tokens.windows(2).filter(|pair| pair[0].text == "unsafe");
    let asks = uses.filter(|pair| ["{", "impl"].contains(&pair[1].text.as_str()));
    let silent = asks
        .map(|pair| pair[0].line)
        .filter(|line| !explained(&lines[..line - 1]));
    silent.collect()
}

/// Whether the lines before an unsafe block end in a `SAFETY:` comment that says something,
/// followed at most by the beginning of the statement.
fn explained(before: &[&str]) -> bool {
    let comment = |line: &&&str| line.starts_with("//");
    let ends = |line: &str| line.is_empty() || line.ends_with([';', '}', '{']);
    let mut lines = before
        .iter()
        .rev()
        .skip_while(|line| !comment(line) && !ends(line));
    let says_why = |line: &&str| {
        let reason = line.split_once("SAFETY:").map(|(_, reason)| reason.trim());
        reason.is_some_and(|reason| reason.len() > 10)
    };
    lines.by_ref().take_while(comment).any(says_why)
}

#[test]
fn unsafe_code_is_allowed_for_the_named_modules_only() {
    let files = crate::source::files();
    let of_file = |(path, text): &(PathBuf, String)| {
        let path = path.display().to_string();
        let pair = |module| (path.clone(), module);
        unsafe_modules(text)
            .into_iter()
            .map(pair)
            .collect::<Vec<_>>()
    };
    let found: BTreeSet<_> = files.iter().flat_map(of_file).collect();
    let named = UNSAFE_MODULES.map(|(path, module)| (path.to_owned(), module.to_owned()));
    assert_eq!(
        found,
        named.into(),
        "src has (left), UNSAFE_MODULES names (right)"
    );
}

#[test]
fn every_unsafe_block_has_its_reason() {
    for (path, text) in crate::source::files() {
        let silent = unexplained(&text);
        assert!(
            silent.is_empty(),
            "src/{}: no SAFETY: before lines {silent:?}",
            path.display()
        );
    }
}

#[test]
fn the_check_sees_a_new_unsafe_module_and_a_block_without_a_reason() {
    assert_eq!(
        unsafe_modules("#[allow(unsafe_code, reason = \"x\")]\nmod raw;"),
        ["raw"]
    );
    assert_eq!(
        unsafe_modules("#![expect(dead_code, unsafe_code)] fn f() {}"),
        [""]
    );
    assert_eq!(unsafe_modules("#[allow(unsafe_code)]\nfn f() {}"), [""]);
    assert_eq!(
        unsafe_modules("#[cfg_attr(x, allow(unsafe_code))] fn f() {}"),
        [""]
    );
    let none = "// allow(unsafe_code)\n#![deny(unsafe_code)] #[allow(dead_code)] mod a;";
    assert!(unsafe_modules(none).is_empty());
    for bad in [
        "fn f() {\n    unsafe { g() }\n}",
        "// SAFETY: of another one, long ago.\nlet a = 1;\nunsafe { g() };",
        "// SAFETY: of another one, long ago.\n\nunsafe impl Send for T {}",
        "// SAFETY: yes\nunsafe { g() };",
        "// It is fine.\nlet a = unsafe { g() };",
    ] {
        assert_eq!(unexplained(bad).len(), 1, "{bad}");
    }
}

#[test]
fn the_check_leaves_explained_blocks_and_unsafe_functions_alone() {
    for good in [
        "// SAFETY: the caller keeps rule 3.\nunsafe { g() }",
        "// SAFETY: rule 3, which\n// the caller keeps.\nlet a =\n    unsafe { g() };",
        "unsafe fn f() {}\ntype F = unsafe fn();\nunsafe extern \"C\" {}",
        "// unsafe { }\nlet a = \"unsafe {\";",
        "// SAFETY: `T` has no thread of its own.\nunsafe impl Send for T {}",
    ] {
        assert!(unexplained(good).is_empty(), "{good}");
    }
}
