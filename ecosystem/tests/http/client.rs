//! The example `web_scraper`, with its own site and with servers of others.

use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use wheelhouse::net::TcpStream;
use wheelhouse::process::{Child, Command};
use wheelhouse::{run, sleep};
use wheelhouse_ecosystem::tls::Identity;

use crate::installed::installed;
use crate::programs::{Folder, command, example, finish, start};

/// The lines of a table, as words: status, bytes, time, its unit, address, and the rest.
fn table(output: &Output) -> Vec<Vec<String>> {
    let words = |line: &str| line.split_whitespace().map(ToString::to_string).collect();
    let printed = String::from_utf8_lossy(&output.stdout);
    let lines = printed.lines().filter(|line| line.contains("://"));
    lines.map(words).collect()
}

/// The last line: how it went.
fn summary(output: &Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.lines().last().unwrap_or_default().to_string()
}

async fn scrape(arguments: &[&str]) -> Output {
    finish(example("web_scraper").args(arguments)).await
}

#[test]
fn without_addresses_it_fetches_a_site_of_its_own() {
    run(async {
        let output = scrape(&[]).await;
        assert!(output.status.success());
        let lines = table(&output);
        let status: Vec<_> = lines.iter().map(|words| words[0].as_str()).collect();
        assert_eq!(
            status,
            [
                "200", "200", "200", "500", "404", "200", "-", "-", "200", "200"
            ]
        );
        assert!(
            lines[5][6..].join(" ").ends_with("/about"),
            "moved: {lines:?}"
        );
        assert!(
            lines[6].join(" ").contains("redirected more than 10 times"),
            "circle: {lines:?}"
        );
        assert!(
            lines[7].join(" ").contains("no answer within 1s"),
            "silent: {lines:?}"
        );
        assert!(lines[8][4].starts_with("https://"), "{lines:?}");
        assert!(
            summary(&output).starts_with("6 fetched, 4 failed, "),
            "{}",
            summary(&output)
        );
        assert!(output.stderr.is_empty(), "a bar is drawn on terminals only");
    });
}

#[test]
fn wrong_arguments_are_explained() {
    run(async {
        let wrong: [&[&str]; 5] = [
            &["example.com"],
            &["ftp://example.com"],
            &["--concurrency", "0"],
            &["--timeout"],
            &["--fast"],
        ];
        for arguments in wrong {
            let output = scrape(arguments).await;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{errors}");
            assert!(errors.contains("usage: web_scraper"), "{errors}");
            assert!(output.stdout.is_empty());
        }
    });
}

#[test]
fn it_fetches_from_pythons_server_and_one_dead_address_harms_nobody() {
    run(async {
        let folder = Folder::new();
        folder.write("page.html", "x".repeat(5000));
        let line = "python3 -u -m http.server --bind 127.0.0.1 -p HTTP/1.1 -d";
        let mut python = command(line);
        python.args([&folder.path(), "0"]).stderr(Stdio::null());
        let (_child, said, _) = start(&mut python).await;
        let port = said.split_whitespace().nth(5).expect("it says where it is");
        let dead = format!("http://127.0.0.1:{}/", free_port());
        let page = format!("http://127.0.0.1:{port}/page.html");
        let missing = format!("http://127.0.0.1:{port}/missing");
        let output = scrape(&["--concurrency", "1", &page, &dead, &missing, &page]).await;
        assert_eq!(output.status.code(), Some(1), "not all is well");
        let lines = table(&output);
        assert_eq!(
            (lines[0][0].as_str(), lines[0][1].as_str()),
            ("200", "5000")
        );
        assert!(
            lines[1].join(" ").contains("Connection refused"),
            "{lines:?}"
        );
        assert_eq!(lines[2][0], "404");
        assert_eq!(
            (lines[3][0].as_str(), lines[3][1].as_str()),
            ("200", "5000")
        );
    });
}

#[test]
fn it_fetches_from_nginx_over_http_and_https_and_keeps_its_connections() {
    run(async {
        let folder = Folder::new();
        folder.write("page.html", "y".repeat(300_000));
        let identity = Identity::new(&["localhost"]).expect("a certificate can be made");
        let certificate = folder.write("cert.pem", identity.certificate_pem());
        folder.write("key.pem", identity.key_pem());
        let (_child, plain, secure) = nginx(&folder).await;
        let pages = [
            format!("http://localhost:{plain}/page.html"),
            format!("https://localhost:{secure}/page.html"),
            format!("http://localhost:{plain}/moved"),
        ];
        let pages = pages.iter().cycle().take(30).cloned();
        let mut scraper = example("web_scraper");
        scraper
            .args(["--concurrency", "1"])
            .args(pages)
            .env("SSL_CERT_FILE", certificate);
        let output = finish(&mut scraper).await;
        let lines = table(&output);
        assert!(
            lines.iter().all(|words| words[..2] == ["200", "300000"]),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 30);
        let expected = "30 fetched, 0 failed, 9000000 bytes over 2 connections in ";
        assert!(
            summary(&output).starts_with(expected),
            "{}",
            summary(&output)
        );
        assert!(output.status.success());
    });
}

#[test]
fn it_does_not_trust_a_certificate_that_nobody_vouches_for() {
    run(async {
        let folder = Folder::new();
        let ours = Identity::new(&["localhost"]).expect("a certificate can be made");
        folder.write("cert.pem", ours.certificate_pem());
        folder.write("key.pem", ours.key_pem());
        let (_child, _, secure) = nginx(&folder).await;
        let output = scrape(&[&format!("https://localhost:{secure}/")]).await;
        assert_eq!(output.status.code(), Some(1));
        let lines = table(&output);
        assert!(lines[0].join(" ").contains("certificate"), "{lines:?}");
    });
}

/// Starts nginx; gives its ports for http and https.
async fn nginx(folder: &Folder) -> (Child, u16, u16) {
    let (plain, secure) = (free_port(), free_port());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary
        .map(|name| format!("{name}_temp_path temp;\n"))
        .concat();
    let settings = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\n access_log off;\n{temporary} server {{\n\
         listen 127.0.0.1:{plain};\n listen 127.0.0.1:{secure} ssl;\n\
         ssl_certificate cert.pem;\n ssl_certificate_key key.pem;\n root .;\n\
         absolute_redirect off;\n location /moved {{ return 302 /page.html; }}\n}}\n}}\n"
    );
    let file = folder.write("nginx.conf", settings);
    let mut nginx = Command::new(installed("nginx"));
    nginx
        .args(["-e", "stderr", "-p", &folder.path(), "-c", &file])
        .kill_on_drop(true);
    nginx.stderr(Stdio::null());
    let child = nginx.spawn().expect("nginx can be started");
    // It says nothing when it is ready, so there is nothing to wait for but its port.
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", secure)).await.is_ok() {
            return (child, plain, secure);
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("nginx does not listen")
}

/// A port on which nobody listens now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
