//! The command line.

use std::time::Duration;

use url::Url;

pub(crate) const USAGE: &str = "\
usage: web_scraper [--concurrency N] [--timeout SECONDS] [URL...]

Fetches several pages at once and prints their status, size and time. Redirects are followed.
Without addresses it serves a small site on this machine and fetches that.

  URL                an http or https address, such as https://example.com/index.html
  --concurrency N    the number of pages that are fetched at once; the default is 8
  --timeout SECONDS  the time limit of one page with its redirects; the default is 10
  -h, --help         print this text

Exit status: 0 if all pages were fetched, 1 if one failed or had a status of 400 or above, 2 if
the arguments are wrong.";

pub(crate) struct Settings {
    /// The addresses to fetch. Empty for the site of the program itself.
    pub(crate) urls: Vec<Url>,
    /// The number of pages that are fetched at once.
    pub(crate) concurrency: usize,
    /// The time limit of one page, if it was given.
    pub(crate) timeout: Option<Duration>,
}

/// Returns the settings; `None` for `--help`; or a message about wrong arguments.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
    let mut arguments = arguments;
    let mut settings = Settings {
        urls: Vec::new(),
        concurrency: 8,
        timeout: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "-h" | "--help" => return Ok(None),
            "--concurrency" => settings.concurrency = concurrency(&value()?)?,
            "--timeout" => settings.timeout = Some(seconds(&value()?)?),
            option if option.starts_with('-') => return Err(format!("unknown option: {option}")),
            text => settings.urls.push(address(text)?),
        }
    }
    Ok(Some(settings))
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!(
            "--concurrency takes a number above 0, not `{text}`"
        )),
        Ok(count) => Ok(count),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or(format!("--timeout takes a number of seconds, not `{text}`"))
}

fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(format!("not an http or https address: {text}")),
    }
}
