//! Reads `src` and fails where a module imports from its own layer or from one above it.
//!
//! The layers are those of the picture in `src/lib.rs`. A path counts wherever it stands, in
//! a `use` or in the middle of code, begun with `crate` or with enough `super`; doc comments
//! and code for tests do not. Relief, where a layer needs something from above: a trait that
//! the lower layer owns, or a `Waker`.

use crate::source::Token;
use std::path::Path;

/// The layer of each module. `lib` is the crate root.
const LAYERS: [(&str, u8); 22] = [
    ("util", 0),
    ("error", 0),
    ("cell", 1),
    ("wheel", 1),
    ("scope", 1),
    ("reactor", 1),
    ("runtime", 2),
    ("task", 3),
    ("time", 3),
    ("net", 3),
    ("sync", 1),
    ("signal", 3),
    ("process", 3),
    ("thread", 3),
    ("fs", 3),
    ("stdio", 3),
    ("combine", 4),
    ("compat", 4),
    ("group", 4),
    ("guide", 5),
    ("testing", 5),
    ("lib", 5),
];

/// Imports that stay on their layer and may: from, to, and why.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    (
        "error",
        "util",
        "a cancellation names the task that asked by its id, and `error` is the top of L0",
    ),
    (
        "net",
        "time",
        "the next address is tried after a while (`net/tcp/happy_eyeballs.rs`); `time` knows no sockets",
    ),
];

/// Returns the reason why the module `from` may not import from `to`; `None` if it may.
fn objection(from: &str, to: &str) -> Option<String> {
    let layer = |name| {
        LAYERS
            .iter()
            .find(|(module, _)| *module == name)
            .map(|found| found.1)
    };
    let Some(own) = layer(from) else {
        return Some(format!(
            "`{from}` has no layer yet: give it one in tests/architecture/layers.rs"
        ));
    };
    let Some(other) = layer(to) else {
        return Some(format!(
            "`crate::{to}` is at the root (L5): name the module that has it"
        ));
    };
    let excepted = EXCEPTIONS
        .iter()
        .any(|exception| (exception.0, exception.1) == (from, to));
    let way = if other > own { "upward" } else { "sideways" };
    let fine = from == to || other < own || from == "lib" || excepted;
    (!fine).then(|| format!("`{from}` (L{own}) imports {way} from `{to}` (L{other})"))
}

/// The modules that lead from the crate root to the file `path`.
pub(crate) fn module_path(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    if names.last().is_some_and(|last| last == "mod") || names == ["lib"] {
        names.pop();
    }
    names
}

/// Gives, for each path in `tokens` that leads through the crate root, the name that follows
/// the root, and its line. `file` is the module path of the file.
fn imports(file: &[String], tokens: &[Token]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut depth = 0;
    let mut inline = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || !["::", "$"].contains(&tokens[at - 1].text.as_str());
        match token.text.as_str() {
            "{" => {
                depth += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inline.push((depth, tokens[at - 1].text.clone()));
                }
            }
            "}" => {
                inline.retain(|(opened, _)| *opened < depth);
                depth -= 1;
            }
            "crate" if starts => after_root(0, &tokens[at..], &mut found),
            "super" if starts => after_root(file.len() + inline.len(), &tokens[at..], &mut found),
            _ => {}
        }
    }
    found
}

/// Follows the path that `tokens` begins with, from a module `depth` below the root, and notes
/// the names that come after the root.
fn after_root(mut depth: usize, mut tokens: &[Token], found: &mut Vec<(String, usize)>) {
    while let [step, colons, rest @ ..] = tokens {
        match step.text.as_str() {
            "super" => depth -= 1,
            "crate" => depth = 0,
            _ => return,
        }
        if colons.text != "::" {
            return;
        }
        tokens = rest;
        let next = tokens.first().map(|token| token.text.as_str());
        if depth == 0 && next != Some("super") {
            return note_names(tokens, found);
        }
    }
}

/// Notes the name that `tokens` begins with, or each first name of a group in braces.
fn note_names(tokens: &[Token], found: &mut Vec<(String, usize)>) {
    let mut nesting = 0;
    let mut first = true;
    for token in tokens {
        match token.text.as_str() {
            "{" => nesting += 1,
            "}" => nesting -= 1,
            "," => first |= nesting == 1,
            name if first => {
                found.push((name.to_owned(), token.line));
                first = false;
            }
            _ => {}
        }
        if nesting == 0 {
            return;
        }
    }
}

/// Returns the objections to one file, and the test modules that it declares.
fn check(path: &Path, text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let module = module_path(path);
    let own = module.first().map_or("lib", String::as_str);
    let sorted = crate::cut::without_tests(&crate::source::tokens(text));
    let say = |(to, line): (String, usize)| {
        objection(own, &to).map(|problem| format!("src/{}:{line}: {problem}", path.display()))
    };
    let objections = imports(&module, &sorted.code).into_iter().filter_map(say);
    let child = |name| module.iter().cloned().chain([name]).collect();
    let tests = sorted.test_modules.into_iter().map(child);
    (objections.collect(), tests.collect())
}

/// Returns the objections to a file at `path` with the content `text`.
fn objections(path: &str, text: &str) -> Vec<String> {
    check(Path::new(path), text).0
}

#[test]
fn no_module_imports_upward_or_sideways() {
    let files = crate::source::files();
    let checked: Vec<_> = files.iter().map(|(path, text)| check(path, text)).collect();
    let tests: Vec<_> = checked.iter().flat_map(|(_, tests)| tests).collect();
    let mut wrong = Vec::new();
    for ((path, _), (objections, _)) in files.iter().zip(&checked) {
        let module = module_path(path);
        if !tests.iter().any(|test| module.starts_with(test)) {
            wrong.extend_from_slice(objections);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} imports against the layers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_module_has_a_layer() {
    for (path, _) in crate::source::files() {
        let module = module_path(&path);
        let own = module.first().map_or("lib", String::as_str);
        assert_eq!(objection(own, own), None);
    }
}

#[test]
fn every_exception_gives_its_reason_and_is_needed() {
    let imports: Vec<_> = crate::source::files()
        .iter()
        .flat_map(|(path, text)| all_of(path, text))
        .collect();
    for (from, to, reason) in EXCEPTIONS {
        assert!(reason.len() > 20, "{from} to {to}: why?");
        let used = imports
            .iter()
            .any(|(own, other)| own == from && other == to);
        assert!(
            used,
            "nothing in `{from}` imports from `{to}` any more: drop the exception"
        );
    }
}

/// The pairs of modules, importing and imported, of one file.
fn all_of(path: &Path, text: &str) -> Vec<(String, String)> {
    let module = module_path(path);
    let own = module.first().cloned().unwrap_or_else(|| "lib".to_owned());
    let code = crate::cut::without_tests(&crate::source::tokens(text)).code;
    imports(&module, &code)
        .into_iter()
        .map(|(to, _)| (own.clone(), to))
        .collect()
}

#[test]
fn the_check_sees_a_path_upward_in_every_way_to_write_it() {
    let bad = [
        "use crate::task::spawn;",
        "use crate::{util::Slab, task::{self, JoinHandle}};",
        "pub(crate) use crate::task as below;",
        "fn f() { let t = crate::task::current(); }",
        "fn f(t: &crate::task::Id) {}",
        "use super::super::task;",
        "use super::super::{error::Cancelled, task};",
        "mod inner { use super::super::super::task; }",
        "use crate::spawn;",
        "use crate::*;",
        "#[cfg(not(test))] use crate::task::spawn;",
        "#[cfg(test)] use crate::util::Slab; use crate::task::spawn;",
        "#[cfg(test)] mod tests { fn f() { g(); } } use crate::task::spawn;",
        "struct S { #[cfg(test)] seen: Vec<u8>, id: crate::task::Id }",
        "const C: char = '\"'; use crate::task::spawn; const D: &str = \"\\\"\";",
        "const R: &str = r#\"a\"b\"#; use crate::task::spawn;",
        "/* a /* nested */ comment */ use crate::task::spawn;",
        "fn f<'a>(c: &'a char) -> bool { *c == '\\'' } use crate::task::spawn;",
    ];
    for text in bad {
        assert_eq!(objections("runtime/core.rs", text).len(), 1, "{text}");
    }
}

#[test]
fn the_check_sees_sideways_imports_and_modules_without_a_layer() {
    for (path, text) in [
        ("net/tcp.rs", "use crate::signal::ctrl_c;"),
        ("util/mod.rs", "use super::error::Cancelled;"),
        ("cell/mod.rs", "use super::wheel::Wheel;"),
        ("attic/mod.rs", "use crate::util::Slab;"),
        ("testing/mod.rs", "use crate::run;"),
    ] {
        assert_eq!(objections(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn the_check_accepts_good_imports_and_ignores_comments_and_strings() {
    let good = [
        "use crate::{cell::Task, error::{Cancelled, JoinError}, util};",
        "use crate::runtime::turn; use super::turn; use self::below::x; use super::{a, b};",
        "/// See [`crate::task::spawn`].\n//! and crate::task\n/* crate::task */ fn f() {}",
        "const T: &str = \"crate::task\"; const R: &str = r#\"\"crate::task\"#;",
        "#[cfg(test)] mod tests { use super::super::super::task; } fn f() {}",
        "#[cfg(all(test, not(miri)))] use crate::task::spawn;",
        "#[cfg(wheelhouse_loom)] fn f() { crate::task::spawn(); }",
        "#[cfg(test)] #[allow(dead_code)] pub(crate) fn f<A, B>(a: A) -> crate::task::Id { g(a) }",
        "#[cfg(test)] impl<A> T<A> where A: X, B: Y { fn f() { crate::task::current() } }",
        "macro_rules! m { () => { $crate::task::spawn() } }",
        "pub(super) fn f() {} pub(in crate::runtime) fn g() {} struct S(pub(crate) u8);",
        "use futures::task::Context; use std::task::Waker; fn f() { a::task::b() }",
        "#![cfg(test)]\nuse crate::task::spawn;",
    ];
    for text in good {
        assert_eq!(
            objections("runtime/core.rs", text),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn a_test_module_in_a_file_of_its_own_is_found_by_its_declaration() {
    let (_, tests) = check(
        Path::new("wheel/mod.rs"),
        "#[cfg(test)]\nmod tests;\nmod slots;",
    );
    assert_eq!(tests, [["wheel", "tests"]]);
}
