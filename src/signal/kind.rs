//! The kind of a signal.

use std::fmt;

use signal_hook::consts;
use signal_hook::low_level::signal_name;

/// A signal number, see signal(7).
///
/// The signals that programs usually listen to have a function; [`from_raw`](SignalKind::from_raw)
/// converts any number.
///
/// # Examples
/// ```
/// use wheelhouse::signal::SignalKind;
///
/// assert_eq!(SignalKind::terminate().as_raw(), 15);
/// assert_eq!(SignalKind::from_raw(1), SignalKind::hangup());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(i32);

/// Declares a function for each signal.
macro_rules! named {
    ($($(#[$doc:meta])* $name:ident = $signal:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name() -> Self {
            Self(consts::$signal)
        }
    )*};
}

impl SignalKind {
    named! {
        /// SIGALRM: a timer that was set with `alarm` has expired.
        alarm = SIGALRM;
        /// SIGCHLD: a child process has exited, stopped or continued.
        child = SIGCHLD;
        /// SIGHUP: the terminal was closed. Servers read their configuration again on it.
        hangup = SIGHUP;
        /// SIGINT: sent by Ctrl-C.
        interrupt = SIGINT;
        /// SIGIO: a descriptor with `O_ASYNC` is ready.
        io = SIGIO;
        /// SIGPIPE: the read end of a pipe was closed. Rust programs ignore it, and the write fails
        /// instead.
        pipe = SIGPIPE;
        /// SIGQUIT: sent by Ctrl-\.
        quit = SIGQUIT;
        /// SIGTERM: sent by `kill` and by service managers to stop a program.
        terminate = SIGTERM;
        /// SIGUSR1: its meaning is defined by the program.
        user_defined1 = SIGUSR1;
        /// SIGUSR2: its meaning is defined by the program.
        user_defined2 = SIGUSR2;
        /// SIGWINCH: the size of the terminal has changed.
        window_change = SIGWINCH;
    }

    /// Converts a signal number. [`unix`](super::unix) fails if the signal cannot be listened to.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Returns the signal number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_name(self.0) {
            Some(name) => write!(f, "SignalKind({name})"),
            None => write!(f, "SignalKind({})", self.0),
        }
    }
}
