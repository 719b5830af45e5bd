//! Reads `src` and fails where files of one module import from each other in a circle.
//!
//! A file imports from the file that defines the item, wherever a re-export of it is: a file of
//! `runtime` that names `super::Task` imports from `runtime/task_types.rs`, not from
//! `runtime/mod.rs`. So the files of each module can be read one after the other, each with what it
//! needs before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::layers::module_path;
use crate::paths::{Named, named};

/// The modules of the crate that still have circles, and what goes round.
const EXCEPTIONS: [(&str, &str); 4] = [
    (
        "cell",
        "the memory of a task is one object, whose unsafe code is in several files",
    ),
    ("group", "the group, its driver and its children"),
    (
        "net",
        "a stream can be split into halves, which join to a stream again",
    ),
    ("util", "the wait graph and its records"),
];

/// A module: the names from the crate root to it.
type Module = Vec<String>;

/// The files of the crate, as far as their imports go.
#[derive(Default)]
struct Files {
    paths: BTreeMap<Module, PathBuf>,
    named: BTreeMap<Module, Vec<Named>>,
}

impl Files {
    /// Reads files, given by their paths from `src`, and leaves out those of tests.
    fn read(sources: &[(PathBuf, String)]) -> Self {
        let mut files = Self::default();
        let mut tests = Vec::new();
        for (path, text) in sources {
            let module = module_path(path);
            let sorted = crate::cut::without_tests(&crate::source::tokens(text));
            let child = |name| [&module[..], &[name]].concat();
            tests.extend(sorted.test_modules.into_iter().map(child));
            files
                .named
                .insert(module.clone(), named(&module, &sorted.code));
            files.paths.insert(module, path.clone());
        }
        let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
        files.named.retain(|module, _| !is_test(module));
        files
    }

    /// Returns the module in whose file an item is defined.
    fn definition(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        // Each re-export leads to another module; a circle of them does not compile.
        for _ in 0..16 {
            let known = (0..=path.len()).rev();
            let depth = known.map(|depth| &path[..depth]);
            let module = depth
                .into_iter()
                .find(|part| self.named.contains_key(*part));
            let module = module.unwrap_or_default().to_vec();
            let Some(name) = path.get(module.len()) else {
                return module;
            };
            let names = self.named.get(&module).into_iter().flatten();
            let mut imports = names.filter(|named| named.known_as.as_ref() == Some(name));
            let Some(import) = imports.next().filter(|import| import.path != path) else {
                return module;
            };
            path = [&import.path[..], &path[module.len() + 1..]].concat();
        }
        panic!("an item is re-exported in a circle: {}", path.join("::"))
    }

    /// Returns, for each file of one module of the crate, the files of the module that it imports
    /// from, with the first item of each.
    fn imports(&self, top: &str) -> BTreeMap<&Module, BTreeMap<Module, &Named>> {
        let is_inside = |module: &Module| module.first().is_some_and(|first| first == top);
        let files = self.named.iter().filter(|(module, _)| is_inside(module));
        let mut all = BTreeMap::new();
        for (module, names) in files {
            let edges: &mut BTreeMap<_, _> = all.entry(module).or_default();
            for named in names.iter().filter(|named| !named.is_passed_on) {
                let from = self.definition(&named.path);
                if is_inside(&from) && from != *module {
                    edges.entry(from).or_insert(named);
                }
            }
        }
        all
    }

    /// Returns a line for each import that is part of a circle inside `top`.
    fn circles(&self, top: &str) -> Vec<String> {
        let imports = self.imports(top);
        let reachable = |start: &Module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
            while let Some(module) = open.pop() {
                for next in imports.get(&module).into_iter().flat_map(BTreeMap::keys) {
                    if seen.insert(next.clone()) {
                        open.push(next.clone());
                    }
                }
            }
            seen
        };
        let mut lines = Vec::new();
        for (module, edges) in &imports {
            for (from, named) in edges {
                if reachable(from).contains(*module) {
                    let (file, line) = (self.paths[*module].display(), named.line);
                    let other = self.paths[from].display();
                    let item = named.path.join("::");
                    lines.push(format!("{file}:{line} imports {item} from {other}"));
                }
            }
        }
        lines
    }
}

#[test]
fn no_files_of_a_module_import_from_each_other_in_a_circle() {
    let files = Files::read(&crate::source::files());
    let tops: BTreeSet<_> = files
        .named
        .keys()
        .filter_map(|module| module.first())
        .collect();
    let is_checked = |top: &&String| EXCEPTIONS.iter().all(|(excepted, _)| *excepted != **top);
    let checked = tops.into_iter().filter(is_checked);
    let circles: Vec<_> = checked.flat_map(|top| files.circles(top)).collect();
    assert!(
        circles.is_empty(),
        "{} imports are part of circles:\n{}",
        circles.len(),
        circles.join("\n")
    );
}

#[test]
fn every_module_that_is_excepted_still_has_a_circle() {
    let files = Files::read(&crate::source::files());
    for (top, reason) in EXCEPTIONS {
        assert!(reason.len() > 20, "{top}: what goes round?");
        assert_ne!(
            files.circles(top),
            [""; 0],
            "`{top}` has no circle any more"
        );
    }
}

/// Returns the circles of a module `m` with these files.
fn circles_of(files: &[(&str, &str)]) -> usize {
    let root = ("lib.rs", "mod m;");
    let sources: Vec<_> = [root]
        .iter()
        .chain(files)
        .map(|(path, text)| (Path::new(path).to_owned(), (*text).to_owned()))
        .collect();
    Files::read(&sources).circles("m").len()
}

#[test]
fn the_check_sees_a_circle_in_every_way_to_write_it() {
    for (a, b) in [
        ("use super::b::B;", "use super::a::A;"),
        ("use super::B;", "use super::A;"),
        ("use crate::m::{B as C};", "fn f() { super::a::f() }"),
        ("use super::{b, x};", "mod inner { use super::super::a; }"),
        ("fn f(b: super::B) {}", "use crate::{m::{a::A, b}};"),
        (
            "pub(super) use super::b::B; fn f(b: B) {}",
            "use super::a::{self};",
        ),
    ] {
        let root = "mod a; mod b; pub(crate) use a::A; pub use b::B;";
        let files = [("m/mod.rs", root), ("m/a.rs", a), ("m/b.rs", b)];
        assert_eq!(circles_of(&files), 2, "{a} {b}");
    }
}

#[test]
fn the_check_sees_a_circle_through_a_re_export_and_through_three_files() {
    let files = [
        ("m/mod.rs", "mod a; mod b; mod c; pub use b::C;"),
        ("m/a.rs", "use super::C;"),
        ("m/b.rs", "pub use super::c::C; use super::c::c;"),
        ("m/c.rs", "use super::a::g;"),
    ];
    assert_eq!(circles_of(&files), 2);
    let root = [
        ("m/mod.rs", "mod a; use a::A; struct M;"),
        ("m/a.rs", "use super::M;"),
    ];
    assert_eq!(circles_of(&root), 2);
}

#[test]
fn the_check_leaves_imports_in_one_direction_alone() {
    let files = [
        (
            "m/mod.rs",
            "mod a; mod b; pub use a::A; #[cfg(test)] mod tests;",
        ),
        ("m/a.rs", "use super::b::B; use std::b::{B, super_::x};"),
        (
            "m/b.rs",
            "/// See [`super::a::A`].\n#[cfg(test)] mod tests { use super::super::A; }",
        ),
        ("m/tests.rs", "use super::a::A; use super::b::B;"),
    ];
    assert_eq!(circles_of(&files), 0);
}
