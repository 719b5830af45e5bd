//! Sets aside the code that exists in tests only.
//!
//! Knows brackets, attributes and where an item ends, no more of the language.

use crate::source::Token;
use std::{iter, mem};

/// What only the tests use, taken out of a file.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// The tokens of the rest.
    pub(crate) code: Vec<Token>,
    /// The modules that were declared for tests only, and lie in files of their own.
    pub(crate) test_modules: Vec<String>,
}

/// Takes the items out of `tokens` that exist in tests only (`test` or `loom`).
pub(crate) fn without_tests(tokens: &[Token]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let whole_file = words(rest, &["#", "!", "[", "cfg", "("]) && only_in_tests(&rest[5..]);
        if whole_file {
            break;
        }
        let item = words(rest, &["#", "[", "cfg", "("]) && only_in_tests(&rest[4..]);
        if item {
            let (cut, after) = rest.split_at(item_length(rest));
            let declared = cut
                .windows(3)
                .find(|w| w[0].text == "mod" && w[2].text == ";");
            sorted
                .test_modules
                .extend(declared.map(|found| found[1].text.clone()));
            rest = after;
        } else {
            sorted.code.push(first.clone());
            rest = &rest[1..];
        }
    }
    sorted
}

/// Returns `true` if `tokens` begins with these words and signs.
fn words(tokens: &[Token], expected: &[&str]) -> bool {
    let texts = tokens.iter().map(|token| token.text.as_str());
    texts.take(expected.len()).eq(expected.iter().copied())
}

/// Returns `true` if the condition at the start of `tokens` holds only in test builds.
fn only_in_tests(tokens: &[Token]) -> bool {
    let parts = || parts(&tokens[2..]);
    match tokens.first().map(|token| token.text.as_str()) {
        Some("test" | "wheelhouse_loom") => true,
        Some("all") => parts().any(only_in_tests),
        Some("any") => parts().all(only_in_tests),
        _ => false,
    }
}

/// Cuts `tokens`, up to the bracket that closes them, at their commas.
fn parts(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut rest = &tokens[..nested(tokens, |_, depth| depth < 0).unwrap_or(tokens.len())];
    iter::from_fn(move || {
        let end = nested(rest, |token, depth| depth == 0 && token == ",").unwrap_or(rest.len());
        let after = rest.get(end + 1..).unwrap_or_default();
        let part = &mem::replace(&mut rest, after)[..end];
        (!part.is_empty()).then_some(part)
    })
}

/// The place of the first token that `wanted` says yes to, with the depth of its brackets.
fn nested(tokens: &[Token], mut wanted: impl FnMut(&str, i32) -> bool) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|token| {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        wanted(&token.text, depth)
    })
}

/// How many tokens belong to the attributes that `tokens` begins with and to what follows
/// them: an item, a statement, a field or a variant.
fn item_length(tokens: &[Token]) -> usize {
    let mut start = 0;
    while words(&tokens[start..], &["#", "["]) {
        start += through(&tokens[start..], "]");
    }
    let body = &tokens[start..];
    let visibility = match body {
        [public, open, ..] if public.text == "pub" && open.text == "(" => through(body, ")"),
        _ => usize::from(words(body, &["pub"])),
    };
    let rest = &body[visibility..];
    let field = rest
        .get(1)
        .is_some_and(|token| [":", ","].contains(&token.text.as_str()));
    let import = words(rest, &["use"]);
    let mut outer = false;
    let end = nested(body, |token, depth| {
        outer = depth < 0;
        outer || depth == 0 && (token == ";" || token == "}" && !import || token == "," && field)
    });
    start + end.map_or(body.len(), |place| place + usize::from(!outer))
}

/// How many tokens there are through the first `bracket` that closes what they open.
fn through(tokens: &[Token], bracket: &str) -> usize {
    let closes = nested(tokens, |token, depth| depth == 0 && token == bracket);
    closes.map_or(tokens.len(), |place| place + 1)
}
