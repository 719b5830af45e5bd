//! Bytes arrive complete and in order over any link: random programs against a model, which is a
//! queue.

use std::rc::Rc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;
use wheelhouse::sync::Queue;
use wheelhouse::testing::net::{Link, Network, Stream};
use wheelhouse::{sleep, spawn, testing};

use super::ms;

/// What happens, one after the other.
#[derive(Clone, Debug)]
enum Event {
    /// One end writes so many bytes.
    Write { by_client: bool, count: usize },
    /// The hosts are cut off from each other, or one way is.
    Cut { both: bool },
    /// All is healed.
    Heal,
    /// Time passes.
    Wait(u64),
    /// The links behave otherwise.
    Link(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (any::<bool>(), 1..200_usize)
            .prop_map(|(by_client, count)| Event::Write { by_client, count }),
        1 => any::<bool>().prop_map(|both| Event::Cut { both }),
        1 => Just(Event::Heal),
        3 => (0..80_u64).prop_map(Event::Wait),
        1 => (0..60_u64).prop_map(Event::Link),
    ]
}

/// Links of all kinds, by a number.
fn link(kind: u64) -> Link {
    let link = Link::new().latency_between(ms(kind % 7)..=ms(kind));
    let link = link.window(1 + kind as usize * 3);
    match kind % 3 {
        0 => link.bandwidth(1000 * (kind + 1)),
        _ => link,
    }
}

/// Reads all that comes.
async fn read_all(stream: Rc<Stream>) -> Vec<u8> {
    let mut got = Vec::new();
    (&*stream)
        .read_to_end(&mut got)
        .await
        .expect("it is not broken");
    got
}

/// Writes what comes over a channel, and then the end.
async fn write_all(stream: Rc<Stream>, parts: Rc<Queue<Vec<u8>>>) {
    while let Ok(part) = parts.get().await {
        (&*stream).write_all(&part).await.expect("it is not broken");
    }
    (&*stream).close().await.expect("it is not broken");
}

/// Does what the program says; gives what each end wrote and what it read.
async fn play(seed: u64, first_link: u64, program: &[Event]) -> [(Vec<u8>, Vec<u8>); 2] {
    let network = Network::seeded(seed);
    network.set_link(link(first_link));
    let listener = network.host("server").listen(1).unwrap();
    let client = network.host("client").connect("server:1").await.unwrap();
    let ends = [client, listener.accept().await.unwrap().0].map(Rc::new);
    let queues = [(); 2].map(|()| Rc::new(Queue::unbounded()));
    let readers = ends.each_ref().map(|end| spawn(read_all(Rc::clone(end))));
    for (end, queue) in ends.iter().zip(&queues) {
        spawn(write_all(Rc::clone(end), Rc::clone(queue))).detach();
    }
    let mut written = [Vec::new(), Vec::new()];
    let mut next = 0_u8;
    for event in program {
        match *event {
            Event::Write { by_client, count } => {
                let part: Vec<u8> = (0..count).map(|at| next.wrapping_add(at as u8)).collect();
                next = next.wrapping_add(count as u8);
                written[usize::from(!by_client)].extend_from_slice(&part);
                queues[usize::from(!by_client)].put(part).await.unwrap();
            }
            Event::Cut { both: true } => network.partition("client", "server"),
            Event::Cut { both: false } => network.partition_one_way("server", "client"),
            Event::Heal => network.heal_all(),
            Event::Wait(millis) => sleep(ms(millis)).await,
            Event::Link(kind) => network.set_link(link(kind)),
        }
    }
    network.heal_all();
    queues.iter().for_each(|queue| queue.close());
    let [client, server] = readers;
    let [by_client, by_server] = written;
    let (to_client, to_server) = (client.await.unwrap(), server.await.unwrap());
    [(by_client, to_server), (by_server, to_client)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_in_are_bytes_out(
        seed in any::<u64>(),
        first_link in 0..60_u64,
        program in proptest::collection::vec(event(), 0..40),
    ) {
        let ways = testing::run(play(seed, first_link, &program));
        for (sent, got) in ways {
            prop_assert!(sent == got, "{} sent, {} came", sent.len(), got.len());
        }
    }
}
