//! The seed determines everything random: runs can be repeated, and a fault that needs a certain
//! order of events is found, simplified and replayed.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::Listen;
use wheelhouse::testing::net::{Host, Link, Network, Stream};
use wheelhouse::{Runtime, sleep, spawn, testing, time, timeout};

use super::ms;
use crate::common::{panic_text, panics_saying};

/// Three clients talk to an echo, over links that are slow, small and break; gives what they saw
/// and when.
async fn story(network: Network) -> Vec<String> {
    let link = Link::new().latency_between(ms(0)..=ms(40));
    network.set_link(link.window(9).breaks_one_in(12));
    let (trace, start) = (Rc::new(RefCell::new(Vec::new())), time::now());
    let listener = network.host("server").listen(7).unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(async move { futures::io::copy(&stream, &mut &stream).await }).detach();
        }
    })
    .detach();
    let clients = ["ann", "bob", "cleo"].map(|name| {
        let (host, trace) = (network.host(name), Rc::clone(&trace));
        spawn(async move {
            let talk = async {
                let mut stream = host.connect("server:7").await?;
                let mut buffer = [0; 9];
                for _ in 0..3 {
                    stream.write_all(b"some text").await?;
                    let count = stream.read(&mut buffer).await?;
                    stream.read_exact(&mut buffer[count..]).await?;
                    let said = format!("{name} {count} {:?}", time::now() - start);
                    trace.borrow_mut().push(said);
                }
                io::Result::Ok(())
            };
            let outcome = talk.await.map_err(|error| error.kind());
            trace.borrow_mut().push(format!("{name} {outcome:?}"));
        })
    });
    for client in clients {
        client.await.unwrap();
    }
    trace.take()
}

/// The story of a seed of the run.
fn explored(seed: u64) -> Vec<String> {
    let trace = RefCell::new(Vec::new());
    testing::explore([seed], || async {
        trace.replace(story(Network::new()).await);
    });
    trace.into_inner()
}

#[test]
fn the_same_seed_gives_the_same_story_and_others_give_others() {
    let stories: Vec<_> = (0..20).map(explored).collect();
    for (seed, story) in stories.iter().enumerate() {
        assert_eq!(*story, explored(seed as u64));
    }
    let mut different = stories.clone();
    different.sort();
    different.dedup();
    assert!(different.len() >= 19, "{}", different.len());
    let all = stories.concat().join("\n");
    assert!(
        all.contains("ConnectionReset") && all.contains("Ok(())"),
        "{all}"
    );
}

#[test]
fn a_seed_of_the_network_needs_none_of_the_run() {
    let story = |seed| testing::run(story(Network::seeded(seed)));
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
    let plain = || testing::run(self::story(Network::new()));
    assert_eq!(plain(), plain());
    assert!(!plain().concat().contains("Reset"), "no seed, no fault");
}

#[test]
fn a_runtime_with_a_seed_decides_too() {
    let parts = |seed| {
        let runtime = Runtime::builder().seed(seed).build().unwrap();
        runtime.block_on(async {
            let (_, mut client, mut server) = super::pair(Link::new()).await;
            client.write_all(&[1; 100]).await.unwrap();
            drop(client);
            let mut parts = Vec::new();
            let mut buffer = [0; 100];
            while let count @ 1.. = server.read(&mut buffer).await.unwrap() {
                parts.push(count);
            }
            parts
        })
    };
    assert_eq!(parts(5), parts(5));
    assert!((0..10).any(|seed| parts(seed) != [100]));
    assert!((0..10).all(|seed| parts(seed).iter().sum::<usize>() == 100));
}

#[test]
fn without_fragments_reads_and_writes_are_whole() {
    for is_on in [true, false] {
        let wholes = Cell::new(0);
        testing::explore(0..50, || async {
            let (network, mut client, mut server) = super::pair(Link::new()).await;
            network.set_fragments(is_on);
            let written = client.write(b"a message").await.unwrap();
            let read = server.read(&mut [0; 20]).await.unwrap();
            wholes.set(wholes.get() + usize::from((written, read) == (9, 9)));
        });
        let wholes = wholes.get();
        assert!(
            if is_on {
                (1..40).contains(&wholes)
            } else {
                wholes == 50
            },
            "{wholes}"
        );
    }
}

#[test]
fn choices_are_of_the_seed_and_0_without_one() {
    let chosen = |seed| {
        let chosen = RefCell::new(Vec::new());
        testing::explore([seed], || async {
            chosen.replace((1..50).map(testing::choose).collect());
        });
        chosen.into_inner()
    };
    assert_eq!(chosen(3), chosen(3));
    assert_ne!(chosen(3), chosen(4));
    assert!((1..50).zip(chosen(3)).all(|(count, choice)| choice < count));
    testing::run(async { assert_eq!(testing::choose(10), 0) });
    panics_saying(&["testing::choose", "outside of a runtime"], || {
        testing::choose(2)
    });
    panics_saying(&["nothing to choose"], || {
        testing::run(async { testing::choose(0) })
    });
}

/// Checks that the test passes without a seed, that `explore` finds its fault, and that `replay`
/// reproduces it. Returns the number of
fn finds<Fut: Future<Output = ()>>(fault: &str, test: impl Fn() -> Fut) -> usize {
    testing::run(test());
    let text = panic_text(|| testing::explore(0..1000, &test));
    assert!(text.contains(fault), "{text}");
    let schedule = text.split('"').nth(1).expect("a quoted schedule");
    for _ in 0..3 {
        panics_saying(&[fault], || testing::replay(schedule, &test));
    }
    schedule.split(',').count()
}

#[test]
fn code_that_takes_a_read_for_a_message_is_found() {
    let needed = finds("half a message", || async {
        let (_, mut client, mut server) = super::pair(Link::new()).await;
        client.write_all(b"hello").await.unwrap();
        let mut message = [0; 5];
        // The fault: it is `read_exact` that reads five bytes.
        let count = server.read(&mut message).await.unwrap();
        assert_eq!(&message[..count], b"hello", "half a message");
    });
    assert!(needed <= 2, "that it is cut, and where: {needed}");
}

/// A register at two hosts: what is written to the first is passed on to the second.
async fn replica(listener: impl Listen, value: Rc<Cell<u8>>, next: Option<Rc<Stream>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (value, next) = (Rc::clone(&value), next.clone());
        spawn(async move {
            let mut request = [0];
            while stream.read_exact(&mut request).await.is_ok() {
                if request[0] != b'?' {
                    value.set(request[0]);
                    if let Some(next) = &next {
                        // The fault: it does not wait for the answer.
                        (&**next).write_all(&request).await.unwrap();
                    }
                }
                stream.write_all(&[value.get()]).await.unwrap();
            }
        })
        .detach();
    }
}

#[test]
fn a_stale_read_that_needs_one_slow_message_among_fast_ones_is_found() {
    let needed = finds("a stale read", || async {
        let network = Network::new();
        network.set_link(Link::new().latency_between(ms(5)..=ms(30)));
        let listen = |name| network.host(name).listen(1).unwrap();
        let (primary, backup) = (listen("primary"), listen("backup"));
        spawn(replica(backup, Rc::default(), None)).detach();
        let passed_on = network.host("primary").connect("backup:1").await.unwrap();
        spawn(replica(primary, Rc::default(), Some(Rc::new(passed_on)))).detach();

        let client = network.host("client");
        let mut to_primary = client.connect("primary:1").await.unwrap();
        let mut to_backup = client.connect("backup:1").await.unwrap();
        let mut answer = [0];
        to_primary.write_all(b"7").await.unwrap();
        to_primary.read_exact(&mut answer).await.unwrap();
        to_backup.write_all(b"?").await.unwrap();
        to_backup.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"7", "a stale read");
    });
    assert_eq!(needed, 1, "one delay is enough");
}

/// Adds one to an account for each request, and answers.
async fn account(listener: impl Listen, balance: Rc<Cell<u32>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let balance = Rc::clone(&balance);
        spawn(async move {
            while stream.read_exact(&mut [0]).await.is_ok() {
                balance.set(balance.get() + 1); // the fault: it does not know the request again
                stream.write_all(b"!").await.ok();
            }
        })
        .detach();
    }
}

/// Asks until there is an answer.
async fn deposit(client: &Host) {
    let attempt = async {
        let mut stream = client.connect("bank:1").await?;
        stream.write_all(b"+").await?;
        stream.read_exact(&mut [0]).await
    };
    let patience = Duration::from_secs(1);
    let mut outcome = timeout(patience, attempt).await;
    while !matches!(outcome, Ok(Ok(()))) {
        sleep(ms(100)).await;
        let again = async {
            let mut stream = client.connect("bank:1").await?;
            stream.write_all(b"+").await?;
            stream.read_exact(&mut [0]).await
        };
        outcome = timeout(patience, again).await;
    }
}

#[test]
fn a_request_that_is_applied_twice_when_its_answer_is_cut_off_is_found() {
    let needed = finds("applied twice", || async {
        let network = Network::new();
        network.set_link(Link::new().latency(ms(10)));
        let balance = Rc::new(Cell::new(0));
        let bank = network.host("bank").listen(1).unwrap();
        spawn(account(bank, Rc::clone(&balance))).detach();
        let client = network.host("client");
        // Perhaps a cut, at some moment of the second that follows.
        if testing::choose(3) == 1 {
            spawn(async move {
                sleep(ms(testing::choose(100) as u64)).await;
                network.partition("client", "bank");
                sleep(ms(3000)).await;
                network.heal_all();
            })
            .detach();
        }
        deposit(&client).await;
        assert_eq!(balance.get(), 1, "applied twice");
    });
    assert!(needed <= 2, "whether and when it is cut: {needed}");
}
