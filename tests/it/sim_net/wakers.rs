//! Wakers of third-party code run while nothing is borrowed: they may use the network that woke
//! them, and may panic.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing;
use wheelhouse::testing::net::{Link, Network, Stream};

use super::{ms, pair, pair_of_hosts};

thread_local! {
    /// What the next wake does.
    static TRAP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Does once what is set.
struct Trap;

impl Wake for Trap {
    fn wake(self: Arc<Self>) {
        let trap = TRAP.take();
        trap.into_iter().for_each(|trap| trap());
    }
}

/// Polls once, to be woken by a trap.
fn poll_trapped(future: impl Future) {
    let waker = Waker::from(Arc::new(Trap));
    let polled = pin!(future).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// Waits for bytes with a waker that acts, and then wakes it. The waker can use the whole network.
fn springs(
    trap: impl FnOnce(&Network, &mut Option<Stream>) + 'static,
    wakes: fn(&Network, &Stream),
) {
    testing::run(async {
        let (network, client, mut server) = pair(Link::new()).await;
        poll_trapped(server.read(&mut [0]));
        let (all, mut server) = (network.clone(), Some(server));
        let sprung = Rc::new(Cell::new(false));
        let noted = Rc::clone(&sprung);
        TRAP.set(Some(Box::new(move || {
            noted.set(true);
            trap(&all, &mut server);
        })));
        wakes(&network, &client);
        assert!(sprung.get());
    });
}

/// Writes a byte.
fn write(_: &Network, mut client: &Stream) {
    let written = futures::executor::block_on(client.write_all(b"a"));
    written.expect("there is room");
}

#[test]
fn a_waker_may_drop_the_stream_that_woke_it() {
    springs(|_, server| drop(server.take()), write);
    springs(
        |_, server| drop(server.take()),
        |network, _| network.reset("client", "server"),
    );
    springs(
        |_, server| drop(server.take()),
        |network, _| network.crash("client"),
    );
}

#[test]
fn a_waker_may_change_the_network_that_woke_it() {
    springs(|network, _| network.crash("server"), write);
    springs(|network, _| network.partition("client", "server"), write);
    springs(
        |network, _| network.set_link(Link::new().latency(ms(1))),
        |network, _| network.reset("client", "server"),
    );
}

#[test]
fn a_waker_may_panic() {
    springs(|_, _| resume_unwind(Box::new("on purpose")), write);
    springs(
        |_, _| resume_unwind(Box::new("on purpose")),
        |network, _| network.reset("client", "server"),
    );
}

#[test]
fn a_waker_may_accept_and_stop_listening() {
    testing::run(async {
        let (_network, client, _server, listener) = pair_of_hosts(Link::new());
        poll_trapped(listener.accept());
        let listener = Rc::new(listener);
        let (again, taken) = (Rc::clone(&listener), Rc::new(Cell::new(None)));
        let keeps = Rc::clone(&taken);
        TRAP.set(Some(Box::new(move || {
            let accepted = again.poll_accept(&mut Context::from_waker(Waker::noop()));
            keeps.set(Some(accepted));
        })));
        let mut stream = client.connect("server:80").await.unwrap();
        let Some(Poll::Ready(Ok((mut accepted, _)))) = taken.take() else {
            panic!("nothing was accepted");
        };
        poll_trapped(accepted.read(&mut [0]));
        TRAP.set(Some(Box::new(move || drop(listener))));
        stream.write_all(b"a").await.unwrap();
        client.connect("server:80").await.unwrap_err();
        assert_eq!(accepted.read(&mut [0]).await.unwrap(), 1);
    });
}

/// Reads, a write, accepts and connects that wait, and whose wakers attack each other.
#[test]
fn what_waits_on_a_network_survives_each_others_wakers() {
    use crate::common::attack::{Boxed, attack};
    for breaks in [false, true] {
        testing::run(attack(async || {
            let link = Link::new().latency(ms(1)).window(4);
            let (network, client, server_host, listener) = pair_of_hosts(link);
            let (stream, accepted) = futures::join!(client.connect("server:80"), listener.accept());
            let (mut near, (mut far, _)) = (stream.unwrap(), accepted.unwrap());
            near.write_all(b"full").await.unwrap();
            let (mut reader, mut writer) = near.into_split();
            let (other, twin) = (client.clone(), client.clone());
            let futures: Vec<Boxed> = vec![
                Box::pin(async move { drop(reader.read(&mut [0; 2]).await) }),
                Box::pin(async move { drop(writer.write(b"more").await) }),
                // There may be no connection, or the host may crash.
                Box::pin(async move { drop(wheelhouse::timeout(ms(50), listener.accept()).await) }),
                Box::pin(async move { drop(other.connect("server:80").await) }),
                Box::pin(async move { drop(twin.connect("server:80").await) }),
            ];
            let event = async move {
                let mut bytes = [0; 4];
                far.read_exact(&mut bytes).await.ok();
                if breaks {
                    network.crash("client");
                    network.crash("server");
                } else {
                    far.write_all(b"back").await.ok();
                }
                wheelhouse::sleep(ms(10)).await;
                drop(server_host);
            };
            (futures, event)
        }));
    }
}

/// The destructor of a listener drops the wakers of all tasks that waited to accept. Two that
/// panicked aborted the process.
#[test]
fn wakers_that_panic_when_they_are_dropped_go_with_their_listener() {
    use crate::common::bomb_waker::{DROP, bomb_waker};
    testing::run(async {
        let (_network, _client, _server, listener) = pair_of_hosts(Link::new());
        // The bits beside make them different wakers. They themselves are leaked: only their clones
        // count.
        for other in [1 << 8, 1 << 9, 1 << 10] {
            let bad = std::mem::ManuallyDrop::new(bomb_waker(DROP | other));
            let polled = listener.poll_accept(&mut Context::from_waker(&bad));
            assert!(polled.is_pending());
        }
        drop(listener);
    });
}
