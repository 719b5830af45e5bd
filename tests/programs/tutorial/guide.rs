//! The Python snippets of the chapters, run by Python: what they say about asyncio has to be so.

use super::programs::crate_folder;
use crate::installed::installed;
use std::fs;
use std::process::Command;

/// Runs each piece of [`snippets`] by itself, with `main` as its beginning.
const RUNNER: &str = "
import asyncio, sys
for number, snippet in enumerate(sys.argv[1:], 1):
    names = {'asyncio': asyncio}
    exec(compile(snippet, f'snippet {number}', 'exec'), names)
    asyncio.run(names['main']())
print(len(sys.argv) - 1)
";

/// The Python pieces of a chapter.
pub(crate) fn snippets(chapter: &str) -> Vec<String> {
    let path = crate_folder().join("src/guide").join(chapter);
    let text = fs::read_to_string(path).expect("the chapter is there");
    let mut pieces = text.split("```python\n");
    pieces.next();
    let until_end = |piece: &str| piece.split_once("```").map(|(code, _)| code.to_owned());
    pieces.filter_map(until_end).collect()
}

/// Runs Python pieces, each with an `asyncio.run(main())` of its own; says what went wrong.
pub(crate) fn run_all(snippets: &[String]) -> Result<(), String> {
    let mut python = Command::new(installed("python3"));
    python.args(["-S", "-c", RUNNER]).args(snippets);
    let output = python.output().expect("python3 can be started");
    let all_ran = output.stdout == format!("{}\n", snippets.len()).into_bytes();
    if output.status.success() && all_ran {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
