//! Waiting for Ctrl-C.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{HomeKey, UseError, try_with};

/// Waits until the user presses Ctrl-C, or the process receives SIGINT in another way.
///
/// From the first call in a runtime until that runtime is dropped, Ctrl-C does not end the process.
/// A Ctrl-C between two calls is stored for the next call, so a loop may call `ctrl_c` again in
/// each round. If no future waits, several Ctrl-C count as one.
///
/// If several `ctrl_c` futures wait, in one runtime or in several, the same Ctrl-C completes all of
/// them. A `ctrl_c` that is created in a runtime after one of its futures has completed waits for
/// the next Ctrl-C.
///
/// To end the process with a second Ctrl-C, wait twice, or use
/// [`Builder::cancel_on_ctrl_c`](crate::Builder::cancel_on_ctrl_c). To get the default action back
/// earlier, use [`unix`](super::unix), and drop its [`Signal`](super::Signal).
///
/// # Cancel safety
/// Nothing is lost: a Ctrl-C that a dropped future has not returned is stored for the next call.
///
/// # Errors
/// Fails if no file descriptor is left, or if it is awaited outside the runtime in which it was
/// created.
///
/// # Panics
/// If it is polled after completion.
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
    // Here and not at the first poll, so that no Ctrl-C before that is lost. An error occurs again
    // at the first poll.
    CtrlC(begin().unwrap_or(CtrlCState::New))
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC(CtrlCState);

#[derive(Clone, Copy, Debug)]
enum CtrlCState {
    /// Created outside a runtime, or listening failed. The first poll tries again.
    New,
    Waiting {
        home: HomeKey,
        /// How many Ctrl-C its runtime had returned when it was created.
        since: u64,
    },
    Done,
}

/// Starts to wait in the runtime of this thread.
fn begin() -> io::Result<CtrlCState> {
    let begun = try_with(|core| {
        let since = core.signals.wait_for_ctrl_c(&core.io)?;
        let home = HomeKey::of(core);
        Ok(CtrlCState::Waiting { home, since })
    });
    begun.unwrap_or_else(|outside| Err(io::Error::other(outside)))
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let CtrlCState::New = self.0 {
            self.0 = begin()?;
        }
        let CtrlCState::Waiting { home, since } = self.0 else {
            panic!("a ctrl_c was polled after it was done");
        };
        let polled = home.with_home(|core| core.signals.poll_ctrl_c(&core.io, since, cx.waker()));
        let result = ready!(polled.unwrap_or_else(|| Err(UseError::Elsewhere.into()).into()));
        self.0 = CtrlCState::Done;
        Poll::Ready(result)
    }
}
