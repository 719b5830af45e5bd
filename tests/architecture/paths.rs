//! Reads which items of this crate a source file names, by their paths from the crate root.
//!
//! A path counts in a `use` and in the middle of code. It begins with `crate`, `super`, `self`, or
//! a module that the file declares.

use crate::source::Token;

/// An item that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The names from the crate root to the item.
    pub(crate) path: Vec<String>,
    /// The name under which a `use` makes it known; `None` for a path in the middle of code.
    pub(crate) known_as: Option<String>,
    /// Whether it is named only to be found elsewhere: a re-export, and the file does not use it.
    pub(crate) is_passed_on: bool,
    pub(crate) line: usize,
}

/// Returns the items that the file of `module` names in `tokens`.
pub(crate) fn named(module: &[String], tokens: &[Token]) -> Vec<Named> {
    let mut reader = Reader {
        module: module.to_vec(),
        children: children(tokens),
        found: Vec::new(),
    };
    let mut inline = Vec::new();
    let (mut at, mut depth) = (0, 0);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    reader.module.push(tokens[at - 1].text.clone());
                    inline.push(depth);
                }
            }
            "}" => {
                if inline.last() == Some(&depth) {
                    inline.pop();
                    reader.module.pop();
                }
                depth -= 1;
            }
            "use" if is_import(tokens, at) => {
                let first = reader.found.len();
                at += 1 + reader.read_import(&tokens[at + 1..]);
                let is_public = is_public(&tokens[..at]);
                for named in &mut reader.found[first..] {
                    named.is_passed_on = is_public && !is_used(named, tokens);
                }
                continue;
            }
            _ if starts_path(tokens, at) => reader.read_path(&tokens[at..]),
            _ => {}
        }
        at += 1;
    }
    reader.found
}

/// Returns the modules that a file declares and that have files of their own.
fn children(tokens: &[Token]) -> Vec<String> {
    let declared = tokens.windows(3);
    let declared = declared.filter(|three| three[0].text == "mod" && three[2].text == ";");
    declared.map(|three| three[1].text.clone()).collect()
}

/// Returns `true` if the `use` at `at` begins an import, and not the captures of an `impl Trait`.
fn is_import(tokens: &[Token], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|next| next.text != "<")
}

/// Returns `true` if the import that `tokens` end in has a visibility.
fn is_public(tokens: &[Token]) -> bool {
    let mut before = tokens.iter().rev().skip_while(|token| token.text != "use");
    before
        .nth(1)
        .is_some_and(|token| ["pub", ")"].contains(&token.text.as_str()))
}

/// Returns `true` if code of the file, other than imports and declarations of modules, has the name
/// of an import.
fn is_used(named: &Named, tokens: &[Token]) -> bool {
    let mut in_import = false;
    tokens.iter().enumerate().any(|(at, token)| {
        in_import = match token.text.as_str() {
            "use" => is_import(tokens, at),
            ";" => false,
            _ => in_import,
        };
        let is_module = at > 0 && tokens[at - 1].text == "mod";
        !in_import && !is_module && Some(&token.text) == named.known_as.as_ref()
    })
}

/// Returns `true` if a path of more than one name may begin at `at`.
fn starts_path(tokens: &[Token], at: usize) -> bool {
    // `in` is that of `pub(in crate::runtime)`.
    let before = ["::", "$", ".", "in"];
    let follows = at > 0 && before.contains(&tokens[at - 1].text.as_str());
    !follows && tokens.get(at + 1).is_some_and(|next| next.text == "::")
}

/// What is known of a file while it is read.
struct Reader {
    /// The module of the code that is read.
    module: Vec<String>,
    children: Vec<String>,
    found: Vec<Named>,
}

impl Reader {
    /// Reads a path in the middle of code.
    fn read_path(&mut self, tokens: &[Token]) {
        let Some(mut path) = self.start(&tokens[0].text) else {
            return;
        };
        for pair in tokens[1..].chunks(2) {
            match pair {
                [colons, name] if colons.text == "::" && is_name(&name.text) => {
                    step(&mut path, &name.text);
                }
                _ => break,
            }
        }
        self.found.push(Named {
            path,
            known_as: None,
            is_passed_on: false,
            line: tokens[0].line,
        });
    }

    /// Reads an import, and returns the number of its tokens.
    fn read_import(&mut self, tokens: &[Token]) -> usize {
        let end = tokens.iter().position(|token| token.text == ";");
        let end = end.unwrap_or(tokens.len());
        let mut rest = &tokens[..end];
        self.read_tree(None, &mut rest);
        end
    }

    /// Reads one tree of an import, below the path `prefix`.
    fn read_tree(&mut self, prefix: Option<&[String]>, rest: &mut &[Token]) {
        let mut path = prefix.map(<[String]>::to_vec);
        let mut is_first = prefix.is_none();
        while let Some((token, after)) = rest.split_first() {
            *rest = after;
            match token.text.as_str() {
                "{" => return self.read_group(path, rest),
                "*" => return self.note(path, "*", token.line),
                "::" => continue,
                name if is_first => path = self.start(name),
                name => {
                    if let Some(path) = &mut path {
                        step(path, name);
                    }
                }
            }
            is_first = false;
            match rest.first().map(|next| next.text.as_str()) {
                Some("::") => {}
                Some("as") => {
                    let known_as = rest.get(1).map_or("_", |name| name.text.as_str());
                    self.note(path, known_as, token.line);
                    *rest = rest.get(2..).unwrap_or_default();
                    return;
                }
                _ => {
                    let last = path.as_ref().and_then(|path| path.last().cloned());
                    return self.note(path, &last.unwrap_or_default(), token.line);
                }
            }
        }
    }

    /// Reads the trees of a group in braces. The brace that opens it has been read.
    fn read_group(&mut self, prefix: Option<Vec<String>>, rest: &mut &[Token]) {
        // A group of another crate has names that look like ours.
        let prefix = prefix.unwrap_or_else(|| vec![ELSEWHERE.to_owned()]);
        while let Some(token) = rest.first() {
            match token.text.as_str() {
                "}" => {
                    *rest = &rest[1..];
                    return;
                }
                "," => *rest = &rest[1..],
                _ => self.read_tree(Some(&prefix), rest),
            }
        }
    }

    /// Returns the path of the first name of a path; `None` for one of another crate.
    fn start(&self, name: &str) -> Option<Vec<String>> {
        let mut path = self.module.clone();
        match name {
            "crate" => path.clear(),
            "super" => drop(path.pop()),
            "self" => {}
            child if self.children.iter().any(|one| one == child) => path.push(child.to_owned()),
            _ => return None,
        }
        Some(path)
    }

    fn note(&mut self, path: Option<Vec<String>>, known_as: &str, line: usize) {
        if let Some(path) = path.filter(|path| path.first().is_none_or(|first| first != ELSEWHERE))
        {
            self.found.push(Named {
                path,
                known_as: Some(known_as.to_owned()),
                is_passed_on: false,
                line,
            });
        }
    }
}

/// Stands for the root of another crate.
const ELSEWHERE: &str = "<another crate>";

/// Goes on from `path` to `name`.
fn step(path: &mut Vec<String>, name: &str) {
    match name {
        "super" => drop(path.pop()),
        "self" => {}
        name => path.push(name.to_owned()),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}
