//! The programs of the README, in a fresh crate with the README's `[dependencies]`. The server did
//! not compile there (it needs `futures`), and ended when it had no file descriptor left.
//!
//! Wall time: the server waits by its own clock before it accepts again.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::installed::installed;

/// Longer than anything but the compiler takes; it only bounds a failing test.
const LIMIT: Duration = Duration::from_secs(20);

/// Where the README's server listens.
const ADDRESS: &str = "127.0.0.1:7777";

/// The texts between the lines "```{kind}" and "```".
fn blocks<'a>(readme: &'a str, kind: &str) -> Vec<&'a str> {
    let opening = format!("```{kind}\n");
    let rest = readme.split(&opening).skip(1);
    rest.filter_map(|rest| Some(rest.split_once("\n```")?.0))
        .collect()
}

/// The manifest of a crate that depends on this one as the README says.
fn manifest(readme: &str) -> String {
    let [dependencies] = blocks(readme, "toml")[..] else {
        panic!("one block of dependencies")
    };
    let path = format!("{{ path = {:?} }}", env!("CARGO_MANIFEST_DIR"));
    assert!(dependencies.contains("{ git = \"…\" }"), "{dependencies}");
    let dependencies = dependencies.replace("{ git = \"…\" }", &path);
    format!(
        "[package]\nname = \"fresh\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n\n[workspace]\n"
    )
}

/// A port on which no socket listens now.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}

/// Builds the crate; returns the folder with its programs.
fn build(readme: &str, programs: &[String]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh_crate");
    let bin = root.join("src/bin");
    fs::remove_dir_all(&bin).ok();
    fs::create_dir_all(&bin).expect("a folder can be made");
    fs::write(root.join("Cargo.toml"), manifest(readme)).expect("a file can be written");
    // The versions of this crate, so that nothing has to be fetched.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    fs::copy(lock, root.join("Cargo.lock")).expect("the lock file is there");
    for (number, program) in programs.iter().enumerate() {
        let file = bin.join(format!("program_{number}.rs"));
        fs::write(file, program).expect("a file can be written");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--offline", "--quiet"])
        .current_dir(&root);
    cargo.env("CARGO_TARGET_DIR", root.join("target"));
    let built = cargo.output().expect("cargo can be started");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    root.join("target/debug")
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Connects as soon as a socket listens.
fn connect(address: &str) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream
                    .set_read_timeout(Some(LIMIT))
                    .expect("it is a socket");
                return stream;
            }
            Err(error) => assert!(start.elapsed() < LIMIT, "{error}"),
        }
        std::thread::yield_now();
    }
}

fn is_echoed(mut stream: &TcpStream) -> bool {
    let mut got = [0; 4];
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut got).is_ok() && &got == b"ping"
}

/// Has the server run out of descriptors, and asks it again.
fn serves_after_a_time_without_descriptors(program: &Path, address: &str) {
    let mut shell = Command::new(installed("sh"));
    shell.args(["-c", "ulimit -n 30; exec \"$0\""]).arg(program);
    let mut server = Running(shell.stderr(Stdio::piped()).spawn().expect("a shell"));
    let clients: Vec<_> = (0..50).map(|_| connect(address)).collect();
    let mut complaint = [0; 14];
    let errors = server.0.stderr.as_mut().expect("it is piped");
    errors
        .read_exact(&mut complaint)
        .expect("it says something");
    assert_eq!(&complaint, b"cannot accept:");
    assert!(is_echoed(&clients[0]), "one that was open");
    drop(clients);
    assert!(is_echoed(&connect(address)), "one that came later");
}

#[test]
fn its_programs_compile_and_run_and_its_server_continues_without_descriptors() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("a text");
    let mut programs: Vec<_> = blocks(&readme, "rust")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let [server] = blocks(&readme, "rust,no_run")[..] else {
        panic!("one server")
    };
    assert!(server.contains(ADDRESS), "{server}");
    let address = free_address();
    programs.push(server.replace(ADDRESS, &address));
    let folder = build(&readme, &programs);
    let (_, others) = programs.split_last().expect("there are some");
    for (number, program) in others.iter().enumerate() {
        let output = Command::new(folder.join(format!("program_{number}"))).output();
        let output = output.expect("it was built");
        assert!(output.status.success(), "{program}: {output:?}");
    }
    let server = folder.join(format!("program_{}", others.len()));
    serves_after_a_time_without_descriptors(&server, &address);
}
