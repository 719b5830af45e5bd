//! The command line of the examples: `--help`, wrong arguments, and programs that fail.

use std::env;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Parses the arguments and runs `program` with the result.
///
/// Prints `usage` if an argument is `-h` or `--help`. If `parse` or `program` returns an error,
/// prints it and ends with code 2 or 1.
pub(crate) fn run<S>(
    usage: &str,
    parse: impl FnOnce(&[&str]) -> Result<S, String>,
    program: impl FnOnce(S) -> Result<(), String>,
) -> ExitCode {
    let name = env!("CARGO_CRATE_NAME");
    // Lossy, so that an argument that is not UTF-8 leads to a message and not to a panic.
    let arguments = env::args_os().skip(1);
    let arguments: Vec<_> = arguments
        .map(|text| text.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.iter().any(|text| ["-h", "--help"].contains(text)) {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Err(problem) => {
            eprintln!("{name}: {problem}\n\n{usage}");
            ExitCode::from(2)
        }
        Ok(settings) => match program(settings) {
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
            Ok(()) => ExitCode::SUCCESS,
        },
    }
}

/// Parses the address that a server listens on. The default is 127.0.0.1:7777.
#[allow(dead_code, reason = "not every example is a server")]
pub(crate) fn address(text: Option<&str>) -> Result<SocketAddr, String> {
    let text = text.unwrap_or("127.0.0.1:7777");
    let parsed = text.parse();
    parsed.map_err(|_| format!("not an IP address with a port: {text}"))
}
