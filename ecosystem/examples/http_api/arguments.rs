//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: http_api [ADDRESS [DEADLINE]]

Stores notes in memory and serves them over HTTP as JSON, until Ctrl-C:

  GET /notes          lists all notes
  POST /notes         creates a note from {\"text\": \"...\"}
  GET /notes/1        returns a note
  DELETE /notes/1     deletes a note
  GET /slow/2.5       answers after 2.5 seconds

  ADDRESS     an IP address and a port, such as 127.0.0.1:8080 (the default) or [::1]:8080;
              port 0 lets the system choose a free one
  DEADLINE    the time for requests in flight after Ctrl-C, in seconds; the default is 10
  -h, --help  print this text";

pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    /// The time for requests after Ctrl-C.
    pub(crate) deadline: Duration,
}

/// Returns the settings; `None` for `--help`; or a message about wrong arguments.
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
        deadline: seconds(deadline).ok_or(format!(
            "DEADLINE must be a number of seconds, not `{deadline}`"
        ))?,
    }))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
