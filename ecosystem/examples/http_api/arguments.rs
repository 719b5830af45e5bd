//! What was asked for on the command line.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: http_api [ADDRESS [DEADLINE]]

Keeps notes, and gives them over HTTP as JSON, until Ctrl-C:

  GET /notes          all of them
  POST /notes         makes one of {\"text\": \"...\"}
  GET /notes/1        this one
  DELETE /notes/1     deletes it
  GET /slow/2.5       an answer after 2.5 seconds

  ADDRESS     an IP address and a port, as 127.0.0.1:8080 (taken if none is given)
              or [::1]:8080; port 0 lets the system choose a free one
  DEADLINE    how many seconds after Ctrl-C the requests in flight may take; 10 if not given
  -h, --help  print this text";

pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// How long requests may take after Ctrl-C.
    pub(crate) deadline: Duration,
}

/// Gives the settings, or nothing where help was asked for, or what is wrong.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Settings>, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (address, deadline) = match arguments[..] {
        ["-h" | "--help"] => return Ok(None),
        [] => ("127.0.0.1:8080", "10"),
        [address] => (address, "10"),
        [address, deadline] => (address, deadline),
        _ => return Err("more than two arguments".to_string()),
    };
    let unknown = |_| format!("not an IP address with a port: {address}");
    Ok(Some(Settings {
        address: address.parse().map_err(unknown)?,
        deadline: seconds(deadline).ok_or(format!("not a number of seconds: {deadline}"))?,
    }))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
