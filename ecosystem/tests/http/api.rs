//! The example `http_api`, by curl, and how it ends on Ctrl-C.

use futures::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use wheelhouse::net::TcpStream;
use wheelhouse::process::{Child, ChildStdout};
use wheelhouse::{run, spawn, timeout};

use crate::connections::SOON;
use crate::programs::{command, example, finish, next_line, output, start};

/// The number of the signal that Ctrl-C sends.
const SIGINT: i32 = 2;

/// A running API.
struct Api {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it is.
    url: String,
}

impl Api {
    async fn start(deadline: &str) -> Self {
        let (child, line, lines) = start(example("http_api").args(["127.0.0.1:0", deadline])).await;
        let address = line
            .strip_prefix("listening on ")
            .expect("it says so first");
        let url = format!("http://{address}");
        Self { child, lines, url }
    }

    /// Has it be stopped by Ctrl-C, and gives what it prints until its end.
    async fn interrupt(mut self) -> String {
        self.child.send_signal(SIGINT).expect("it runs");
        let mut rest = String::new();
        let read = timeout(SOON, self.lines.read_to_string(&mut rest)).await;
        read.expect("it ends soon").expect("it can be read from");
        let status = self.child.wait().await.expect("it can be waited for");
        assert!(status.success(), "{status}");
        rest
    }
}

/// Sends one request; gives the body and the status.
async fn curl(options: &str, address: &str) -> String {
    output(&format!("curl -sS -w |%{{http_code}} {options} {address}")).await
}

#[test]
fn curl_makes_lists_reads_and_deletes_notes() {
    run(async {
        let api = Api::start("10").await;
        let notes = format!("{}/notes", api.url);
        let (milk, bread) = (r#"{"id":1,"text":"milk"}"#, r#"{"id":2,"text":"bread"}"#);
        assert_eq!(curl("-sS", &notes).await, "[]|200");
        assert_eq!(
            curl(r#"--json {"text":"milk"}"#, &notes).await,
            format!("{milk}|201")
        );
        assert_eq!(
            curl(r#"--json {"text":"bread"}"#, &notes).await,
            format!("{bread}|201")
        );
        assert_eq!(curl("-sS", &notes).await, format!("[{milk},{bread}]|200"));
        assert_eq!(
            curl("-sS", &format!("{notes}/2")).await,
            format!("{bread}|200")
        );
        assert_eq!(curl("-X DELETE", &format!("{notes}/1")).await, "|204");
        assert_eq!(curl("-X DELETE", &format!("{notes}/1")).await, "|404");
        assert_eq!(curl("-sS", &notes).await, format!("[{bread}]|200"));
        assert!(
            curl("--json {}", &notes).await.ends_with("|422"),
            "no text in it"
        );
        assert!(curl("--json {", &notes).await.ends_with("|400"), "no JSON");
        let ended = api.interrupt().await;
        assert!(
            ended.ends_with("stopped, 0 connection(s) cut off by the deadline\n"),
            "{ended}"
        );
    });
}

// Both programs keep real time, so the request takes some.
#[test]
fn a_request_in_flight_at_ctrl_c_is_finished() {
    run(async {
        for option in ["--http1.1", "--http2-prior-knowledge"] {
            in_flight_at_ctrl_c(option).await;
        }
    });
}

async fn in_flight_at_ctrl_c(option: &'static str) {
    let mut api = Api::start("20").await;
    let slow = format!("{}/slow/0.3", api.url);
    let request = spawn(async move { curl(option, &slow).await });
    assert_eq!(next_line(&mut api.lines).await, "begun: slow, 0.3 s");
    let ended = api.interrupt().await;
    assert_eq!(
        request.await.expect("curl is well"),
        "done after 0.3 s\n|200"
    );
    assert!(
        ended.ends_with("stopped, 0 connection(s) cut off by the deadline\n"),
        "{ended}"
    );
}

#[test]
fn connections_that_ask_for_nothing_do_not_delay_the_end() {
    run(async {
        let api = Api::start("1000").await;
        let address = api.url.trim_start_matches("http://");
        let _silent = TcpStream::connect(address).await.expect("it listens");
        let mut idle = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET /notes HTTP/1.1\r\nHost: x\r\n\r\n";
        idle.write_all(request).await.expect("it is taken");
        let mut got = [0; 12];
        idle.read_exact(&mut got).await.expect("it is answered");
        let ended = api.interrupt().await;
        assert!(
            ended.starts_with("stopping: no new connections, 2 open\n"),
            "{ended}"
        );
        assert!(
            ended.ends_with("stopped, 0 connection(s) cut off by the deadline\n"),
            "{ended}"
        );
    });
}

#[test]
fn a_request_that_is_not_done_by_the_deadline_is_cut_off() {
    run(async {
        let mut api = Api::start("0.1").await;
        let line = format!("curl -sS {}/slow/60", api.url);
        let request = spawn(async move { finish(&mut command(&line)).await });
        assert_eq!(next_line(&mut api.lines).await, "begun: slow, 60 s");
        let ended = api.interrupt().await;
        let status = request.await.expect("curl ends").status;
        assert_eq!(status.code(), Some(52), "curl calls this CURLE_GOT_NOTHING");
        assert!(
            ended.ends_with("stopped, 1 connection(s) cut off by the deadline\n"),
            "{ended}"
        );
    });
}

#[test]
fn wrong_arguments_are_explained() {
    run(async {
        for wrong in [["nowhere", "1"], ["127.0.0.1:0", "soon"]] {
            let output = finish(example("http_api").args(wrong)).await;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{errors}");
            assert!(errors.contains("usage: http_api"), "{errors}");
        }
    });
}
