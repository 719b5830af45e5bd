//! A small HTTP API with axum: notes are created, listed, read and deleted, as JSON.
//!
//! axum requires that the state of its handlers is `Send`. Here it is an `Rc` in a wrapper that
//! panics on other threads ([`notes`]); there is one thread, so it never does. On Ctrl-C the server
//! shuts down gracefully: it accepts no new connections, requests in flight finish within a
//! deadline, and the remaining connections are closed. In asyncio with aiohttp, this is
//! `web.Application` and `shutdown_timeout`.
//!
//! ```sh
//! curl --json '{"text": "buy milk"}' http://127.0.0.1:8080/notes
//! curl http://127.0.0.1:8080/notes
//! curl -X DELETE http://127.0.0.1:8080/notes/1
//! curl http://127.0.0.1:8080/slow/5      # and press Ctrl-C in the server's terminal
//! ```

mod arguments;
mod notes;

use std::env;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use arguments::{Settings, USAGE};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use wheelhouse::net::TcpListener;
use wheelhouse::{run, signal, sleep};
use wheelhouse_ecosystem::server::Server;

async fn serve(settings: &Settings) -> io::Result<()> {
    // Before the address is printed, so that no Ctrl-C is lost after that.
    let ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(settings.address).await?;
    println!("listening on {}", listener.local_addr()?);
    let app = TowerToHyperService::new(app());
    let server = Rc::new(Server::new(move |request| {
        let answer = app.call(request);
        async {
            let Ok(response) = answer.await;
            response
        }
    }));
    let stop = async {
        let pressed = ctrl_c.await;
        println!("stopping: no new connections, {} open", server.open());
        pressed
    };
    let cut_off = server.serve(listener, stop, settings.deadline).await;
    println!("stopped, {cut_off} connection(s) cut off by the deadline");
    Ok(())
}

fn app() -> Router {
    let slow = Router::new().route("/slow/{seconds}", get(slow));
    notes::routes().merge(slow)
}

/// A slow request, to see how the server stops.
async fn slow(Path(seconds): Path<f64>) -> Result<String, String> {
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    println!("begun: slow, {seconds} s");
    sleep(time).await;
    Ok(format!("done after {seconds} s\n"))
}

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1);
    let arguments: Vec<_> = arguments
        .map(|text| text.to_string_lossy().into_owned())
        .collect();
    let settings = match arguments::parse(&arguments) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("http_api: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Err(error) = run(serve(&settings)) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("http_api: {}: {error}", settings.address);
    ExitCode::FAILURE
}
