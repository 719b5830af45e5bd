//! Listening to one signal.

use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::SignalKind;
use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, Subscription, drain, require_runtime};

/// Listens to a signal, which then no longer has its default action (asyncio:
/// `loop.add_signal_handler`).
///
/// The returned [`Signal`] receives the signals that arrive from this call on.
///
/// # Errors
/// Fails outside a runtime, or if no file descriptor is left. Fails with
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for SIGKILL and SIGSTOP, which cannot be handled,
/// for SIGSEGV, SIGILL and SIGFPE, after which a program cannot continue, and for numbers that are
/// no signal.
///
/// # Examples
/// ```no_run
/// use wheelhouse::signal::{self, SignalKind};
///
/// wheelhouse::run(async {
///     let mut hangups = signal::unix(SignalKind::hangup())?;
///     loop {
///         hangups.recv().await?;
///         println!("reading the settings again");
///     }
/// #   #[allow(unreachable_code)]
/// #   std::io::Result::Ok(())
/// });
/// ```
#[doc(alias = "add_signal_handler")]
#[doc(alias = "open_signal_receiver")]
pub fn unix(kind: SignalKind) -> io::Result<Signal> {
    require_runtime()?;
    let (subscription, socket) = Subscription::new(kind.as_raw())?;
    Ok(Signal {
        kind,
        _subscription: subscription,
        socket: IoSource::new(socket, Readiness::NONE)?,
    })
}

/// Receives one signal; from [`unix`].
///
/// Dropping the last `Signal` of a kind restores the default action. It is also a [`Stream`], which
/// never ends.
///
/// # Examples
/// ```no_run
/// use futures::StreamExt;
/// use wheelhouse::signal::{self, SignalKind};
///
/// wheelhouse::run(async {
///     let mut presses = signal::unix(SignalKind::interrupt())?.enumerate();
///     while let Some((number, pressed)) = presses.next().await {
///         pressed?;
///         println!("Ctrl-C number {}", number + 1);
///     }
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it restores the default action of the signal"]
pub struct Signal {
    kind: SignalKind,
    /// Keeps the signal handler active.
    _subscription: Subscription,
    /// Receives a byte from the signal handler.
    socket: IoSource<UnixStream>,
}

impl Signal {
    /// Waits until the signal arrives. Signals that arrived since the last call, or since this
    /// `Signal` was created, count as one.
    ///
    /// # Cancel safety
    /// No signal is lost: if the future is dropped, the next call returns at once.
    ///
    /// # Errors
    /// Fails outside the runtime in which this `Signal` was created.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::signal::{self, SignalKind};
    ///
    /// wheelhouse::run(async {
    ///     let mut changes = signal::unix(SignalKind::window_change())?;
    ///     let me = rustix::process::getpid();
    ///     rustix::process::kill_process(me, rustix::process::Signal::WINCH)?;
    ///     changes.recv().await
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the signal; for futures that are written by hand.
    ///
    /// # Errors
    /// As for [`recv`](Signal::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_io(Direction::Read, cx, drain)
    }

    /// Returns the kind of the signal.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}
