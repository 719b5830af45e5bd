//! quinn over loopback, on this crate's socket, timer and tasks.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::PrivatePkcs8KeyDer;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, ReadError, ServerConfig,
    TransportConfig,
};
use wheelhouse::{gather, run, spawn, timeout};
use wheelhouse_ecosystem::quic::Runtime;
use wheelhouse_ecosystem::tls::Identity;

/// Longer than any healthy test takes.
const LONG: Duration = Duration::from_secs(60);

/// Runs a test in a runtime of its own, and fails when it hangs.
fn bounded<T>(test: impl Future<Output = T>) -> T {
    run(async { timeout(LONG, test).await.expect("the test ends in time") })
}

/// An endpoint at a free port of this machine.
fn endpoint(server: Option<ServerConfig>) -> Endpoint {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let config = EndpointConfig::default();
    Endpoint::new(config, server, socket, Arc::new(Runtime)).expect("an endpoint")
}

/// A server with an idle timeout, and a client that trusts its certificate.
fn endpoints(idle: Duration) -> (Endpoint, Endpoint) {
    let identity = Identity::new(&["localhost"]).expect("a certificate");
    let certificate = identity.certificate().clone();
    let key = PrivatePkcs8KeyDer::from(identity.key_der());
    let server = ServerConfig::with_single_cert(vec![certificate.clone()], key.into());
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = ClientConfig::with_root_certificates(Arc::new(roots));
    let mut transport = TransportConfig::default();
    let idle = idle.try_into().expect("a short time");
    transport.max_idle_timeout(Some(idle));
    let transport = Arc::new(transport);
    let (mut server, mut client) = (server.expect("a config"), client.expect("a config"));
    server.transport_config(Arc::clone(&transport));
    client.transport_config(transport);
    let (server, mut near) = (endpoint(Some(server)), endpoint(None));
    near.set_default_client_config(client);
    (server, near)
}

/// Connects the client to the server.
async fn connect(client: &Endpoint, server: &Endpoint) -> Connection {
    let address = server.local_addr().expect("an address");
    let connecting = client.connect(address, "localhost").expect("a config");
    connecting.await.expect("a connection")
}

/// Sends back what comes on each stream of each connection.
async fn echo(server: Endpoint) {
    while let Some(incoming) = server.accept().await {
        spawn(async move {
            let connection = incoming.await.expect("a handshake");
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                spawn(async move {
                    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
                        send.write_chunk(chunk.bytes).await.expect("it is open");
                    }
                    send.finish().expect("it is open");
                })
                .detach();
            }
        })
        .detach();
    }
}

/// Sends `data` on a stream of its own, and returns what comes back.
async fn ask(connection: &Connection, data: &[u8]) -> Result<Vec<u8>, ReadError> {
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut back = Vec::new();
    let (sent, read) = gather((
        async {
            send.write_all(data).await.expect("it is open");
            send.finish().expect("it is open");
        },
        async {
            while let Some(chunk) = receive.read_chunk(usize::MAX, true).await? {
                back.extend_from_slice(&chunk.bytes);
            }
            Ok(())
        },
    ))
    .await;
    let () = sent;
    read.map(|()| back)
}

#[test]
fn many_streams_of_many_connections_are_echoed() {
    bounded(async {
        let (server, client) = endpoints(LONG);
        let serving = spawn(echo(server.clone()));
        let connections = (0..5).map(async |_| {
            let connection = connect(&client, &server).await;
            let streams = (0..20_usize).map(|number| {
                let connection = &connection;
                async move {
                    let data = vec![number as u8; 1000 * number + 1];
                    let back = ask(connection, &data).await?;
                    assert!(back == data, "stream {number}: {} bytes", back.len());
                    Ok::<_, ReadError>(())
                }
            });
            try_join_all(streams).await.expect("all are echoed");
            connection.close(0_u32.into(), b"done");
        });
        gather(connections.collect::<Vec<_>>()).await;
        client.wait_idle().await;
        serving.cancel();
    });
}

#[test]
fn a_large_transfer_goes_both_ways_at_once() {
    bounded(async {
        let (server, client) = endpoints(LONG);
        spawn(echo(server.clone())).detach();
        let connection = connect(&client, &server).await;
        let data: Vec<u8> = (0..10_000_000_u32).map(|number| number as u8).collect();
        let back = ask(&connection, &data).await.expect("all is echoed");
        assert!(back == data, "{} bytes", back.len());
    });
}

#[test]
fn datagrams_arrive() {
    bounded(async {
        let (server, client) = endpoints(LONG);
        let far = spawn({
            let server = server.clone();
            async move {
                let incoming = server.accept().await.expect("a client");
                let connection = incoming.await.expect("a handshake");
                let datagram = connection.read_datagram().await.expect("a datagram");
                connection.send_datagram(datagram).expect("it fits");
                connection.closed().await
            }
        });
        let near = connect(&client, &server).await;
        near.send_datagram(b"ping".as_slice().into())
            .expect("it fits");
        assert_eq!(
            near.read_datagram().await.expect("an answer"),
            b"ping".as_slice()
        );
        near.close(7_u32.into(), b"done");
        let end = far.await.expect("no panic");
        assert!(
            matches!(end, ConnectionError::ApplicationClosed(_)),
            "{end}"
        );
    });
}

#[test]
fn a_peer_that_vanishes_is_noticed_by_the_timer() {
    bounded(async {
        let (server, client) = endpoints(Duration::from_millis(300));
        let accepting = spawn({
            let server = server.clone();
            async move {
                let incoming = server.accept().await.expect("a client");
                incoming.await.expect("a handshake")
            }
        });
        let near = connect(&client, &server).await;
        let far = accepting.await.expect("no panic");
        // Neither side has anything to say.
        assert_eq!(near.closed().await, ConnectionError::TimedOut);
        assert_eq!(far.closed().await, ConnectionError::TimedOut);
    });
}

#[test]
fn an_endpoint_outside_of_a_runtime_is_an_error() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let config = EndpointConfig::default();
    let error = Endpoint::new(config, None, socket, Arc::new(Runtime)).expect_err("no runtime");
    assert!(error.to_string().contains("wheelhouse::run"), "{error}");
}
