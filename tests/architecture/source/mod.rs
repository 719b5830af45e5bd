//! Reads Rust source as far as the architecture tests need it: words and signs with their
//! lines, comments and texts left out.
//!
//! It is no parser: its users interpret the tokens.

use std::fs;
use std::path::{Path, PathBuf};

/// A word, or one sign (`::` is one); `line` counts from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// As written; a literal text is `""`.
    pub(crate) text: String,
    /// Where it begins.
    pub(crate) line: usize,
}

/// Returns every `.rs` file under `src`, with its path relative to `src` and its text.
pub(crate) fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let inside = path.strip_prefix(&root).expect("it lies in src");
                found.push((inside.to_owned(), text));
            }
        }
    }
    assert!(
        !found.is_empty(),
        "there is no source in {}",
        root.display()
    );
    found.sort();
    found
}

/// Cuts `text` into tokens; comments vanish, of texts and letters only the quotes stay.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = length_of_next(rest);
        let (piece, after) = rest.split_at(length);
        let literal = piece.ends_with(['"', '#', '\'']) && length > 1;
        let skipped = first.is_whitespace() || piece.starts_with("//") || piece.starts_with("/*");
        if !skipped {
            let text = if literal { "\"\"" } else { piece }.to_owned();
            tokens.push(Token { text, line });
        }
        line += piece.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The bytes of the first piece of `rest`: a comment, a literal, a word, or one sign.
fn length_of_next(rest: &str) -> usize {
    let quoted =
        |from: usize, end: &str, escapes: bool| from + closing(&rest[from..], end, escapes);
    let word = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
    let hashes = rest[word..]
        .bytes()
        .take_while(|&byte| byte == b'#')
        .count();
    let starts_text = rest[word + hashes..].starts_with('"');
    match &rest[..word] {
        "r" | "br" | "cr" if starts_text => {
            let end = format!("\"{}", "#".repeat(hashes));
            return quoted(word + hashes + 1, &end, false);
        }
        "" | "b" | "c" if rest[word..].starts_with('"') => return quoted(word + 1, "\"", true),
        "" | "b" if is_letter(&rest[word..]) => return quoted(word + 1, "'", true),
        "" => {}
        _ => return word,
    }
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with("::") {
        2
    } else {
        rest.chars().next().map_or(0, char::len_utf8)
    }
}

/// Returns `true` if `c` can be part of a word.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns `true` if `rest` begins with a character literal, not with a lifetime.
fn is_letter(rest: &str) -> bool {
    let mut chars = rest.chars();
    let opens = chars.next() == Some('\'');
    let escapes = chars.next() == Some('\\');
    opens && (escapes || chars.next() == Some('\''))
}

/// The bytes up to and with `end`, with `\` hiding what follows it if it `escapes`.
fn closing(text: &str, end: &str, escapes: bool) -> usize {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        if !hidden && text[at..].starts_with(end) {
            return at + end.len();
        }
        hidden = escapes && !hidden && c == '\\';
    }
    text.len()
}

/// The bytes of the comment that `rest` begins with, and of those nested in it.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[..at].ends_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    rest.len()
}
