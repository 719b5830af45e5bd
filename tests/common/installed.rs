//! The programs that tests start. If one is missing, the test fails with a message that says how to
//! install it.
//!
//! `.ci/packages` is the list; `tests/architecture/programs.rs` checks that every test asks here.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

/// The name and the package of each program.
const PACKAGES: &str = include_str!("../../.ci/packages");

/// Returns `program`, the name of a program to start.
///
/// # Panics
/// If it is not in `PATH`, with the command that installs it.
#[track_caller]
pub(crate) fn installed(program: &str) -> &str {
    let path = env::var_os("PATH").unwrap_or_default();
    assert!(is_in(program, &path), "{}", remedy(program));
    program
}

/// Returns `true` if a directory in `path` contains the program.
pub(crate) fn is_in(program: &str, path: &OsStr) -> bool {
    env::split_paths(path).any(|folder| Path::new(&folder).join(program).is_file())
}

/// Returns the message about a missing program.
pub(crate) fn remedy(program: &str) -> String {
    let package = package(program).unwrap_or_else(|| panic!("{program} is not in .ci/packages"));
    format!(
        "`{program}` is not installed, and this test starts it: run `.ci/tools`, which installs what the tests need \
         (Debian), or install it yourself (`apt-get install {package}`)"
    )
}

/// Returns the Debian package of a program.
pub(crate) fn package(program: &str) -> Option<&'static str> {
    let lines = PACKAGES.lines().filter(|line| !line.starts_with('#'));
    let mut pairs = lines.filter_map(|line| line.split_once(' '));
    let (_, package) = pairs.find(|(name, _)| *name == program)?;
    Some(package.trim())
}
