//! TLS against other implementations: curl's and openssl's clients.

use wheelhouse::run;
use wheelhouse_ecosystem::server::Server;
use wheelhouse_ecosystem::tls::Identity;

use crate::programs::{Folder, answer, command, finish, output};
use crate::servers::{pages, serve};

/// A server with TLS: its port, and the file of its certificate.
async fn secure(folder: &Folder) -> (u16, String) {
    let identity = Identity::new(&["localhost"]).expect("a certificate can be made");
    let acceptor = identity.acceptor().expect("it fits its key");
    let (_, port) = serve(Server::new(pages).tls(acceptor)).await;
    (port, folder.write("cert.pem", identity.certificate_pem()))
}

#[test]
fn curl_speaks_both_protocols_over_tls() {
    run(async {
        let folder = Folder::new();
        let (port, certificate) = secure(&folder).await;
        for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let options = format!("{option} --cacert {certificate} -w |%{{http_version}}");
            let line = format!("curl -sS {options} https://localhost:{port}/x");
            assert_eq!(output(&line).await, format!("hello from /x|{version}"));
        }
    });
}

// Without TLS, curl 7.88 breaks its HTTP/2 connections when it uses them again, whoever the server
// is.
#[test]
fn curl_keeps_its_connection() {
    run(async {
        let folder = Folder::new();
        let (port, certificate) = secure(&folder).await;
        let page = format!("https://localhost:{port}/");
        for option in ["--http1.1", "--http2"] {
            let options = format!("{option} --cacert {certificate} -w |%{{num_connects}};");
            let line = format!("curl -sS {options} {page} {page} {page}");
            let expected = "hello from /|1;hello from /|0;hello from /|0;";
            assert_eq!(output(&line).await, expected, "{option}");
        }
    });
}

#[test]
fn curl_asks_many_things_at_once_over_one_connection() {
    run(async {
        let folder = Folder::new();
        let (port, certificate) = secure(&folder).await;
        let options =
            format!("--http2 --cacert {certificate} -Z -w |%{{http_code}},%{{num_connects}};");
        let got = output(&format!(
            "curl -sS {options} https://localhost:{port}/[1-50]"
        ))
        .await;
        assert_eq!(got.matches("|200,1;").count(), 1, "{got}");
        assert_eq!(got.matches("|200,0;").count(), 49, "{got}");
        assert_eq!(got.matches("hello from /").count(), 50, "{got}");
    });
}

#[test]
fn curl_without_the_certificate_refuses_and_the_server_goes_on() {
    run(async {
        let folder = Folder::new();
        let (port, certificate) = secure(&folder).await;
        let mut distrustful = command(&format!("curl -sS https://localhost:{port}/"));
        let refused = finish(&mut distrustful).await;
        let distrust = Some(60); // curl calls this CURLE_PEER_FAILED_VERIFICATION
        assert_eq!(refused.status.code(), distrust);
        let line = format!("curl -sS --cacert {certificate} https://localhost:{port}/");
        assert_eq!(output(&line).await, "hello from /");
    });
}

#[test]
fn openssl_shakes_hands_by_both_versions() {
    run(async {
        let folder = Folder::new();
        let (port, certificate) = secure(&folder).await;
        for version in ["-tls1_2", "-tls1_3"] {
            let trust = format!("-CAfile {certificate} -verify_return_error -servername localhost");
            let line =
                format!("openssl s_client -quiet {version} {trust} -connect 127.0.0.1:{port}");
            let got = answer(&line, b"GET /y HTTP/1.0\r\n\r\n").await;
            assert!(got.starts_with("HTTP/1.0 200 OK\r\n"), "{version}: {got}");
            assert!(got.ends_with("hello from /y"), "{version}: {got}");
        }
    });
}
