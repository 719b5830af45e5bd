//! A task with a socket that is always ready does not starve other tasks, timers and sockets.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::io::AsyncWriteExt;
use wheelhouse::{sleep, spawn, yield_now};

use super::{bounded, pair};

/// The greatest number of calls in one poll. More would be unfair, much fewer slow.
const MOST: usize = 128;

/// Spawns a task whose socket is always ready. Returns the counts of its calls and of its polls.
async fn always_ready() -> (Rc<Cell<usize>>, Rc<Cell<usize>>) {
    let (client, mut server) = pair().await;
    server.write_all(b"x").await.expect("written");
    let (calls, polls) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counts = (Rc::clone(&calls), Rc::clone(&polls));
    let peeking = async move {
        let _server = server;
        loop {
            // `peek` leaves the bytes, so this never waits.
            client.peek(&mut [0]).await.expect("a byte");
            calls.set(calls.get() + 1);
        }
    };
    spawn(async move {
        let mut peeking = pin!(peeking);
        std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            peeking.as_mut().poll(cx)
        })
        .await
    })
    .detach();
    counts
}

#[test]
fn a_task_with_a_socket_that_is_always_ready_yields_to_other_tasks() {
    bounded(async {
        let (calls, polls) = always_ready().await;
        while calls.get() == 0 {
            yield_now().await;
        }
        let (calls_before, polls_before) = (calls.get(), polls.get());
        for _ in 0..100 {
            yield_now().await;
        }
        let (calls, polls) = (calls.get() - calls_before, polls.get() - polls_before);
        assert!((99..=101).contains(&polls), "turn by turn: {polls}");
        assert!(calls <= polls * MOST, "{calls} calls in {polls} polls");
        assert!(calls > polls, "{calls} calls in {polls} polls");
    });
}

#[test]
fn timers_fire_and_other_sockets_are_read_beside_a_socket_that_is_always_ready() {
    bounded(async {
        always_ready().await;
        sleep(Duration::from_millis(1)).await;
        let (client, mut server) = pair().await;
        let reading = spawn(async move { client.peek(&mut [0; 4]).await });
        yield_now().await;
        server.write_all(b"ping").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 4);
    });
}

/// If the budget counted checks of sockets instead of calls, the task would never reach the sockets
/// beyond it, and would be busy.
#[test]
fn a_task_that_waits_for_hundreds_of_sockets_reaches_the_last_one_and_is_not_busy() {
    bounded(async {
        let mut pairs = Vec::new();
        for _ in 0..2 * MOST {
            pairs.push(pair().await);
        }
        let (clients, mut servers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        let waiting = spawn(async move {
            let mut buffers = vec![[0]; clients.len()];
            let mut peeks: Vec<_> = clients
                .iter()
                .zip(&mut buffers)
                .map(|(client, buffer)| Box::pin(client.peek(buffer)))
                .collect();
            std::future::poll_fn(|cx| {
                counted.set(counted.get() + 1);
                // All of them, in the same order, in each poll.
                match peeks
                    .iter_mut()
                    .rposition(|peek| peek.as_mut().poll(cx).is_ready())
                {
                    Some(place) => std::task::Poll::Ready(place),
                    None => std::task::Poll::Pending,
                }
            })
            .await
        });
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(polls.get() < 10, "not busy: {}", polls.get());
        servers[0].write_all(b"x").await.unwrap();
        assert_eq!(waiting.await.unwrap(), 0);
        assert!(polls.get() < 20, "not busy: {}", polls.get());
    });
}
