//! Reads `src` and fails where a public name breaks the rules of CONTRIBUTING.md, "Public names".

use crate::source::{Token, files, tokens};
use std::collections::BTreeSet;

/// Functions that do something and return whether they did.
const ACTIONS: [&str; 2] = ["cancel", "cancel_with"];

/// Predicates' names before this rule, kept as deprecated ones.
const DEPRECATED: [&str; 4] = ["has_ended", "locked", "empty", "full"];

/// Futures that have another name, and why.
const OTHER_FUTURES: [(&str, &str); 3] = [
    ("JoinHandle", "a handle that can be awaited"),
    ("RemoteHandle", "a handle that can be awaited"),
    ("Receiver", "one side of a channel that can be awaited"),
];

/// The names of the public functions in `tokens`, each with the text of its signature.
fn public_functions(tokens: &[Token]) -> Vec<(&str, String)> {
    let text = |at: usize| tokens.get(at).map_or("", |token: &Token| &token.text);
    let begins = (0..tokens.len()).filter(|&at| text(at) == "pub");
    let names = begins.filter_map(|at| {
        let before = ["async", "const", "unsafe"];
        let keyword = (at + 1..).find(|&at| !before.contains(&text(at)))?;
        (text(keyword) == "fn").then_some(keyword + 1)
    });
    names
        .map(|name| {
            let rest = tokens[name..].iter().map(|token| token.text.as_str());
            let signature = rest.take_while(|text| !["{", ";", "where"].contains(text));
            (text(name), signature.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// The public predicates in `source` that are not called `is_…`.
fn misnamed_predicates(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let functions = public_functions(&tokens).into_iter();
    let returns_bool = |signature: &str| {
        let (_, returned) = signature.rsplit_once("- > ").unwrap_or_default();
        returned == "bool" || returned.starts_with("Result < bool")
    };
    functions
        .filter(|(name, signature)| {
            returns_bool(signature) && !name.starts_with("is_") && !ACTIONS.contains(name)
        })
        .filter(|(name, _)| !DEPRECATED.contains(name))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The public types in `source` that are futures.
fn public_futures(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let is_public = |name: &str| {
        (0..tokens.len())
            .any(|at| text(at) == "pub" && text(at + 1) == "struct" && text(at + 2) == name)
    };
    let implemented = (0..tokens.len())
        .filter(|&at| text(at) == "Future" && text(at + 1) == "for")
        .map(|at| text(at + 2));
    implemented
        .filter(|name| is_public(name))
        .map(str::to_owned)
        .collect()
}

/// `yield_now` as `YieldNow`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect()
}

/// Returns `true` if a future may have this name, where `functions` are all public ones in its
/// file.
fn is_name_of_a_future(name: &str, functions: &BTreeSet<String>) -> bool {
    let has_its_function = functions.contains(name);
    let is_excepted = OTHER_FUTURES.iter().any(|(other, _)| *other == name);
    name.ends_with("Future") || has_its_function || is_excepted
}

#[test]
fn predicates_are_called_is_something() {
    for (path, source) in files() {
        let found = misnamed_predicates(&source);
        assert!(found.is_empty(), "src/{}: {found:?}", path.display());
    }
}

#[test]
fn a_future_is_named_after_its_function_or_ends_in_future() {
    for (path, source) in files() {
        let tokens = tokens(&source);
        let functions = public_functions(&tokens);
        let names = functions.iter().map(|(name, _)| camel_case(name)).collect();
        for future in public_futures(&source) {
            assert!(
                is_name_of_a_future(&future, &names),
                "src/{}: `{future}` has neither the name of a function nor the suffix",
                path.display()
            );
        }
    }
}

#[test]
fn the_checks_see_names_that_break_the_rules() {
    let source = "pub fn held(&self) -> bool { } pub const fn has(&self) -> Result<bool, E> { }
        pub fn is_set(&self) -> bool { } fn full() -> bool { } pub fn cancel(&self) -> bool { }
        pub struct Locking; impl Future for Locking { } impl Future for Private { }";
    assert_eq!(misnamed_predicates(source), ["held", "has"]);
    assert_eq!(public_futures(source), ["Locking"]);
    assert!(!is_name_of_a_future("Locking", &BTreeSet::new()));
    assert!(is_name_of_a_future(
        "YieldNow",
        &[camel_case("yield_now")].into()
    ));
}
