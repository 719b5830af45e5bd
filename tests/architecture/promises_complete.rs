//! Each promise about cancellation, C1 to C29, has a test with its number in its name, and one with
//! the combinators of others in between. No promise is exempt from either.

use std::fs;
use std::path::{Path, PathBuf};

/// How many promises there are.
const PROMISES: u32 = 29;

/// One of these words is in the name of a test in which a combinator of others stands in between.
const THIRD_PARTY: [&str; 4] = ["third_party", "join", "select", "unordered"];

/// The `.rs` files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the tests");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    let all = paths.flat_map(below);
    all.filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// The names of the tests in a text: of the function after each `#[test]`, whatever attributes are
/// in between.
fn tests(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        is_test |= line == "#[test]";
        if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            names.extend(rest.split('(').next());
        }
        is_test &= line.starts_with("#[");
    }
    names
}

/// The number of the promise that a test of this name is about.
fn number(name: &str) -> Option<u32> {
    let (number, _) = name.strip_prefix('c')?.split_once('_')?;
    number.parse().ok()
}

/// The promises without a test, and those without one in which a combinator of others stands in
/// between.
fn missing(names: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let is_third_party = |name: &str| THIRD_PARTY.iter().any(|word| name.contains(word));
    let lacks = |is_wanted: &dyn Fn(&str) -> bool| {
        let has = |promise| {
            let mut of_it = names.iter().filter(|name| number(name) == Some(promise));
            of_it.any(|name| is_wanted(name))
        };
        (1..=PROMISES).filter(|promise| !has(*promise)).collect()
    };
    (lacks(&|name| !is_third_party(name)), lacks(&is_third_party))
}

#[test]
fn every_promise_has_a_test_and_one_with_combinators_of_others() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: PathBuf| fs::read_to_string(path).expect("text");
    let texts: Vec<_> = files(&folder).into_iter().map(read).collect();
    let names: Vec<_> = texts.iter().flat_map(|text| tests(text)).collect();
    let (plain, third_party) = missing(&names);
    assert_eq!(plain, [0; 0], "no plain test");
    assert_eq!(third_party, [0; 0], "no test with a combinator of others");
    let unknown = names.iter().filter_map(|name| number(name));
    let unknown: Vec<_> = unknown.filter(|n| !(1..=PROMISES).contains(n)).collect();
    assert_eq!(unknown, [0; 0], "no such promise");
}

#[test]
fn the_check_finds_missing_tests() {
    let text = "#[test]\n#[allow(x)]\nfn c1_is_kept() {}\nfn c2_is_no_test() {}\n    #[test]\n    fn c3_in_a_join_is_kept() {}";
    let names = tests(text);
    assert_eq!(names, ["c1_is_kept", "c3_in_a_join_is_kept"]);
    let (plain, third_party) = missing(&names);
    assert_eq!(plain, (2..=PROMISES).collect::<Vec<_>>());
    assert_eq!(third_party.len(), 28);
    assert!(!third_party.contains(&3));
}
