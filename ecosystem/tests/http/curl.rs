//! curl against our server: each protocol, kept connections, long bodies both ways.

use wheelhouse::run;
use wheelhouse_ecosystem::server::Server;

use crate::programs::{Folder, output};
use crate::servers::{BIG, pages, serve};

/// What makes curl talk HTTP/1.1, and HTTP/2 without an upgrade.
const PROTOCOLS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")];

#[test]
fn curl_speaks_both_protocols_with_the_server() {
    run(async {
        let (_server, port) = serve(Server::new(pages)).await;
        for (option, version) in PROTOCOLS {
            let line = format!("curl -sS {option} -w |%{{http_version}} http://127.0.0.1:{port}/x");
            assert_eq!(output(&line).await, format!("hello from /x|{version}"));
        }
    });
}

#[test]
fn curl_downloads_a_long_body() {
    run(async {
        let (_server, port) = serve(Server::new(pages)).await;
        for (option, _) in PROTOCOLS {
            let format = "%{size_download}";
            let line =
                format!("curl -sS {option} -o /dev/null -w {format} http://127.0.0.1:{port}/big");
            assert_eq!(output(&line).await, BIG.to_string(), "{option}");
        }
    });
}

#[test]
fn curl_gets_back_the_long_body_that_it_sends() {
    run(async {
        let folder = Folder::new();
        let sent = "0123456789abcdef".repeat(1 << 17);
        let file = folder.write("sent", &sent);
        let (_server, port) = serve(Server::new(pages)).await;
        for (option, _) in PROTOCOLS {
            let line =
                format!("curl -sS {option} --data-binary @{file} http://127.0.0.1:{port}/echo");
            assert!(
                output(&line).await == sent,
                "{option}: other bytes came back"
            );
        }
    });
}
