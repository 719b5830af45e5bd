//! The programs that tests start. One that is missing ends the test with a message that names the remedy.
//!
//! `.ci/packages` is the list; `tests/architecture/programs.rs` checks that every test asks here.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

/// A line for each program: its name, and its package.
const PACKAGES: &str = include_str!("../../.ci/packages");

/// Returns `program`, which a test is about to start.
///
/// # Panics
/// If it is not in `PATH`, with the command that installs it.
#[track_caller]
pub(crate) fn installed(program: &str) -> &str {
    let path = env::var_os("PATH").unwrap_or_default();
    assert!(is_in(program, &path), "{}", remedy(program));
    program
}

/// Whether one of the folders in `path` has this program.
pub(crate) fn is_in(program: &str, path: &OsStr) -> bool {
    env::split_paths(path).any(|folder| Path::new(&folder).join(program).is_file())
}

/// What to do about a program that is missing.
pub(crate) fn remedy(program: &str) -> String {
    let package = package(program).unwrap_or_else(|| panic!("{program} is not in .ci/packages"));
    format!(
        "`{program}` is not installed, and this test starts it: run `.ci/tools`, which installs what the tests need \
         (Debian), or install it yourself (`apt-get install {package}`)"
    )
}

/// The Debian package of a program.
pub(crate) fn package(program: &str) -> Option<&'static str> {
    let lines = PACKAGES.lines().filter(|line| !line.starts_with('#'));
    let mut pairs = lines.filter_map(|line| line.split_once(' '));
    let (_, package) = pairs.find(|(name, _)| *name == program)?;
    Some(package.trim())
}
