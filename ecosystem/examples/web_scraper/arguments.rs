//! What was asked for on the command line.

use std::time::Duration;

use url::Url;

pub(crate) const USAGE: &str = "\
usage: web_scraper [--concurrency N] [--timeout SECONDS] [URL...]

Fetches pages side by side and prints their status, size and time. Redirects are followed.
Without addresses it makes a small site of its own, on this machine, and fetches that.

  URL                an http or https address, as https://example.com/index.html
  --concurrency N    how many pages are fetched at once; 8 if not given
  --timeout SECONDS  how long one page may take, redirects included, as 2.5; 10 if not given
  -h, --help         print this text

Exit status: 0 if all pages came, 1 if one failed or was refused (status 400 and above), 2 if
the arguments are wrong.";

pub(crate) struct Settings {
    /// The addresses to fetch. None: our own site.
    pub(crate) urls: Vec<Url>,
    /// How many are fetched at once.
    pub(crate) concurrency: usize,
    /// How long one may take, if that was said.
    pub(crate) timeout: Option<Duration>,
}

/// Gives the settings, or nothing where help was asked for, or what is wrong.
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
        Ok(0) | Err(_) => Err(format!("not a number of pages to fetch at once: {text}")),
        Ok(count) => Ok(count),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or(format!("not a number of seconds: {text}"))
}

fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(format!("not an http or https address: {text}")),
    }
}
