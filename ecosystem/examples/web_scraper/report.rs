//! The output: a progress bar, then a table.

use std::error::Error;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::Visit;

/// A progress bar on a terminal; elsewhere nothing.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(pages: usize) -> Self {
        Self(if stderr().is_terminal() {
            ProgressBar::new(pages as u64)
        } else {
            ProgressBar::hidden()
        })
    }

    /// Counts a page that was fetched or has failed.
    pub(crate) fn one_more(&self) {
        self.0.inc(1);
    }

    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}

pub(crate) fn print(visits: &[Visit<'_>]) {
    println!("{:>6} {:>10} {:>9}  address", "status", "bytes", "time");
    for visit in visits {
        println!("{}", line(visit));
    }
}

fn line(visit: &Visit<'_>) -> String {
    let Visit { url, outcome, took } = visit;
    let took = format!("{:.1} ms", took.as_secs_f64() * 1e3);
    match outcome {
        Ok(page) => {
            let (status, bytes) = (page.status.as_u16(), page.bytes);
            let moved = if &page.url == *url {
                String::new()
            } else {
                format!(" -> {}", page.url)
            };
            format!("{status:>6} {bytes:>10} {took:>9}  {url}{moved}")
        }
        Err(error) => {
            let (status, bytes, why) = ("-", "-", reasons(error.as_ref()));
            format!("{status:>6} {bytes:>10} {took:>9}  {url}: {why}")
        }
    }
}

/// Formats an error with its causes: "connection error: certificate not trusted".
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Prints the last line, and returns `true` if all pages were fetched.
pub(crate) fn summarize(visits: &[Visit<'_>], took: Duration, connections: usize) -> bool {
    let pages = visits
        .iter()
        .filter_map(|visit| visit.outcome.as_ref().ok());
    let bytes: u64 = pages.clone().map(|page| page.bytes).sum();
    let well = pages.filter(|page| page.status.as_u16() < 400).count();
    let failed = visits.len() - well;
    println!(
        "{well} fetched, {failed} failed, {bytes} bytes over {connections} connections in {:.2} s",
        took.as_secs_f64()
    );
    failed == 0
}
