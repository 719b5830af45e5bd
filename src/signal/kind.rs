//! Which signal.

use std::fmt;

use signal_hook::consts;
use signal_hook::low_level::signal_name;

/// A signal, by its number.
///
/// Those that a program may want to listen to have a name here; [`from_raw`](SignalKind::from_raw) takes any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(i32);

/// Writes the functions that name a signal.
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
        /// SIGALRM: a timer set by `alarm` has run out.
        alarm = SIGALRM;
        /// SIGCHLD: a child process has ended, stopped or gone on.
        child = SIGCHLD;
        /// SIGHUP: the terminal has gone; servers take it to mean that they should read their settings again.
        hangup = SIGHUP;
        /// SIGINT: what Ctrl-C sends.
        interrupt = SIGINT;
        /// SIGIO: a descriptor that was set up for it is ready.
        io = SIGIO;
        /// SIGPIPE: the reader of a pipe has gone. Rust programs ignore it and get an error instead.
        pipe = SIGPIPE;
        /// SIGQUIT: what Ctrl-\ sends.
        quit = SIGQUIT;
        /// SIGTERM: what `kill` sends, and whoever shuts services down.
        terminate = SIGTERM;
        /// SIGUSR1: means what the program says.
        user_defined1 = SIGUSR1;
        /// SIGUSR2: means what the program says.
        user_defined2 = SIGUSR2;
        /// SIGWINCH: the terminal has another size.
        window_change = SIGWINCH;
    }

    /// The signal of that number. Whether it can be listened to, [`unix`](super::unix) tells.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The signal's number.
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
