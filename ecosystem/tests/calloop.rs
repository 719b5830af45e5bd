//! The runtime inside calloop: timers, a socket, another thread, and a shutdown whose clean-up needs
//! calloop.
//!
//! Wall time: calloop waits by the machine's clock.

use std::future::pending;
use std::io::Write;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use calloop::generic::Generic;
use calloop::{EventLoop, Interest, Mode, PostAction};
use futures::AsyncReadExt;
use wheelhouse::net::UnixStream;
use wheelhouse::sync::Event;
use wheelhouse::{JoinHandle, Runtime, Turn, finally, sleep, spawn};

/// A loop with a runtime as its only source; its data is the state after the last turn.
struct Inside {
    event_loop: EventLoop<'static, Turn>,
    runtime: Rc<Runtime>,
    turn: Turn,
}

impl Inside {
    fn new() -> Self {
        let event_loop = EventLoop::try_new().unwrap();
        let runtime = Rc::new(Runtime::new().unwrap());
        let source = Generic::new(Rc::clone(&runtime), Interest::READ, Mode::Level);
        let inserted = event_loop
            .handle()
            .insert_source(source, |_, runtime, turn| {
                *turn = runtime.turn(Some(Duration::ZERO));
                Ok(PostAction::Continue)
            });
        inserted.unwrap();
        Self {
            event_loop,
            runtime,
            turn: Turn::Done,
        }
    }

    fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        self.runtime.enter(|| spawn(future))
    }

    /// Dispatches without a timeout, so that only the descriptor of the runtime ends a wait.
    fn dispatch_until(&mut self, is_over: impl Fn(Turn) -> bool) {
        loop {
            self.event_loop.dispatch(None, &mut self.turn).unwrap();
            if is_over(self.turn) {
                return;
            }
        }
    }
}

#[test]
fn a_sleep_ends_on_time() {
    let mut inside = Inside::new();
    let start = Instant::now();
    inside.spawn(async { sleep(Duration::from_millis(20)).await });
    inside.dispatch_until(|turn| turn == Turn::Done);
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_socket_and_another_thread_wake_tasks() {
    let mut inside = Inside::new();
    let (ours, mut peer) = StdStream::pair().unwrap();
    let read = inside.spawn(async move {
        let mut text = String::new();
        let mut stream = UnixStream::from_std(ours).unwrap();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    let remote = inside.runtime.remote();
    let thread = thread::spawn(move || {
        let spawned = remote.spawn(async || 7).join().unwrap();
        peer.write_all(b"hello").unwrap();
        spawned
    });
    inside.dispatch_until(|_| read.is_finished());
    assert_eq!(thread.join().unwrap(), 7);
    assert_eq!(inside.runtime.block_on(read).unwrap(), "hello");
}

#[test]
fn a_clean_up_waits_for_a_callback_of_calloop() {
    let mut inside = Inside::new();
    let event = Rc::new(Event::new());
    let waits = Rc::clone(&event);
    inside.spawn(finally(pending::<()>(), async move { waits.wait().await }));
    inside.dispatch_until(|turn| turn == Turn::Waiting);
    inside.runtime.start_shutdown();
    let called_back = inside.event_loop.handle();
    called_back.insert_idle(move |_| event.set());
    inside.dispatch_until(|turn| turn == Turn::Done);
}
