//! Fetches several pages at once over HTTP and HTTPS, as asyncio programs do with `gather` and
//! aiohttp.
//!
//! There is one thread and one task: [`gather`] runs a limited number of visits at once, each with
//! its own [`timeout`], and they share one [`Client`](client::Client) by reference. A page that
//! fails becomes a line of the table and does not affect the others. The protocols are those of
//! hyper and rustls.
//!
//! Without addresses, the program serves a small site itself and fetches that.

mod arguments;
mod client;
mod connection;
mod report;
mod site;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Settings, USAGE};
use client::{Client, Page};
use futures_rustls::rustls::RootCertStore;
use report::Progress;
use rustls_native_certs::load_native_certs;
use url::Url;
use wheelhouse::{gather, run, time, timeout, to_thread};

/// The error of a page.
type Failure = Box<dyn Error + Send + Sync>;

/// An address and its outcome.
struct Visit<'a> {
    url: &'a Url,
    outcome: Result<Page, Failure>,
    took: Duration,
}

/// Fetches all pages and prints the table. Returns `true` if all were fetched.
async fn scrape(settings: Settings) -> Result<bool, Failure> {
    // The certificates are files, and reading files blocks.
    let mut roots = to_thread(system_roots).await;
    if !settings.urls.is_empty() {
        return visit_all(&settings.urls, roots, &settings).await;
    }
    let site = site::start().await?;
    println!("no addresses given: fetching a small site on this machine");
    roots.add(site.certificate)?;
    visit_all(&site.urls, roots, &settings).await?;
    Ok(true) // some of its pages fail, to show how that looks
}

async fn visit_all(
    urls: &[Url],
    roots: RootCertStore,
    settings: &Settings,
) -> Result<bool, Failure> {
    let start = time::now();
    let client = Client::new(roots)?;
    let limit = settings.timeout.unwrap_or(match settings.urls[..] {
        [] => Duration::from_secs(1), // our own site has a page that never comes
        _ => Duration::from_secs(10),
    });
    let progress = Progress::new(urls.len());
    let visits: Vec<_> = urls
        .iter()
        .map(|url| visit(&client, url, limit, &progress))
        .collect();
    let visits = gather(visits).limit(settings.concurrency).await;
    progress.finish();
    report::print(&visits);
    Ok(report::summarize(
        &visits,
        time::now() - start,
        client.opened(),
    ))
}

async fn visit<'a>(
    client: &Client,
    url: &'a Url,
    limit: Duration,
    progress: &Progress,
) -> Visit<'a> {
    let start = time::now();
    let outcome = match timeout(limit, client.get(url)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {limit:?}").into()),
    };
    progress.one_more();
    let took = time::now() - start;
    Visit { url, outcome, took }
}

/// Returns the certificates that this system trusts. One that cannot be read is left out; servers
/// that need it will fail.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(load_native_certs().certs);
    roots
}

fn main() -> ExitCode {
    let arguments = env::args_os()
        .skip(1)
        .map(|text| text.to_string_lossy().into_owned());
    let settings = match arguments::parse(arguments) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("web_scraper: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(scrape(settings)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("web_scraper: {error}");
            ExitCode::FAILURE
        }
    }
}
