//! Waiting for Ctrl-C.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{elsewhere, try_with};

/// Waits until the user presses Ctrl-C (or somebody sends SIGINT).
///
/// From the first call in a runtime until that runtime has been dropped, Ctrl-C does not end the process by itself. Not
/// even between two calls: a Ctrl-C that nobody waits for is kept for the next `ctrl_c`, so that a loop may make a new
/// one in each round. Whoever wants the default action back earlier listens by [`unix`](super::unix) and drops
/// that; whoever wants a second Ctrl-C to end the process calls it twice, or asks for
/// [`Builder::cancel_on_ctrl_c`](crate::Builder::cancel_on_ctrl_c).
///
/// Several that wait at once, in one runtime or in several, all hear of the same Ctrl-C. It counts as taken when the first
/// of a runtime has given it; a `ctrl_c` that is made there after that waits for the next. One that nobody took when the runtime
/// is dropped goes with it.
///
/// # Cancel safety
/// Nothing is lost: when this is dropped before it gave a Ctrl-C that came, the next `ctrl_c` gives it. Presses that
/// nobody takes in between are one.
///
/// # Errors
/// [`Signal`](super::Signal)'s: no file descriptors left, or awaited outside of a runtime, or in another one than it
/// was made in.
///
/// # Panics
/// When polled after it was done.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use wheelhouse::{run, signal, sleep, spawn};
///
/// run(async {
///     let work = spawn(sleep(Duration::from_secs(3600)));
///     signal::ctrl_c().await?;
///     println!("stopping");
///     work.cancel_and_wait().await.ok();
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ctrl_c() -> CtrlC {
    // Here and not at the first poll, so that what comes in between is not lost. An error is found again then.
    CtrlC(begin().unwrap_or(CtrlCState::New))
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC(CtrlCState);

/// Where a [`CtrlC`] stands.
#[derive(Clone, Copy, Debug)]
enum CtrlCState {
    /// It was made outside of a runtime, or there listening was not possible.
    New,
    /// It waits.
    Waiting {
        /// The number of its runtime.
        runtime: u32,
        /// How many interrupts had been taken there when it was made.
        since: u64,
    },
    /// It has heard.
    Done,
}

/// Begins to wait in the runtime that runs here.
fn begin() -> io::Result<CtrlCState> {
    let begun = try_with(|core| {
        let since = core.wait_for_ctrl_c()?;
        let runtime = core.shared().number();
        Ok(CtrlCState::Waiting { runtime, since })
    });
    begun.unwrap_or_else(|outside| Err(io::Error::other(outside)))
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let CtrlCState::New = self.0 {
            self.0 = begin()?;
        }
        let CtrlCState::Waiting { runtime, since } = self.0 else {
            panic!("a ctrl_c was polled after it was done");
        };
        let polled = try_with(|core| {
            let is_home = core.shared().number() == runtime;
            is_home.then(|| core.poll_ctrl_c(since, cx.waker()))
        });
        let result = ready!(
            polled
                .ok()
                .flatten()
                .unwrap_or_else(|| Err(elsewhere()).into())
        );
        self.0 = CtrlCState::Done;
        Poll::Ready(result)
    }
}
