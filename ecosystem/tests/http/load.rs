//! Many requests over many connections, by the programs that others measure servers with. How many
//! there are per second is not looked at: that none fails is. `load.sh` does the same for longer.

use wheelhouse::run;
use wheelhouse_ecosystem::server::Server;

use crate::programs::{example, output, start};
use crate::servers::{pages, serve};

/// Has wrk ask for as much as it can; gives how many requests were answered.
async fn wrk(address: &str) -> u64 {
    // A second of the real clock: wrk knows no other measure.
    let report = output(&format!("wrk -t1 -c64 -d1s http://{address}")).await;
    for trouble in ["Non-2xx", "Socket errors"] {
        assert!(!report.contains(trouble), "{report}");
    }
    let done = report.lines().find(|line| line.contains(" requests in "));
    let count = done.and_then(|line| line.split_whitespace().next()?.parse().ok());
    count.unwrap_or_else(|| panic!("wrk says nothing of requests: {report}"))
}

#[test]
fn wrk_finds_no_error_in_the_hyper_server() {
    run(async {
        let (server, port) = serve(Server::new(pages)).await;
        assert!(wrk(&format!("127.0.0.1:{port}/")).await > 64);
        wheelhouse::timeout(crate::connections::SOON, server.all_closed())
            .await
            .expect("wrk closed all");
    });
}

#[test]
fn wrk_finds_no_error_in_the_axum_server() {
    run(async {
        let (_child, line, _) = start(example("http_api").arg("127.0.0.1:0")).await;
        let address = line
            .strip_prefix("listening on ")
            .expect("it says so first");
        assert!(wrk(&format!("{address}/notes")).await > 64);
    });
}

#[test]
fn h2load_finds_no_error_in_the_hyper_server() {
    run(async {
        let (_server, port) = serve(Server::new(pages)).await;
        let report = output(&format!("h2load -n2000 -c10 -m20 http://127.0.0.1:{port}/")).await;
        let expected =
            "2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout";
        assert!(report.contains(expected), "{report}");
    });
}
