//! Signals of the operating system. Floor 3.
//!
//! [`ctrl_c`] waits for the user to press Ctrl-C once; [`unix`] listens to any signal, again and again (asyncio:
//! `loop.add_signal_handler`). [`Builder::cancel_on_ctrl_c`](crate::Builder::cancel_on_ctrl_c) needs neither: it cancels
//! main (asyncio: what `asyncio.Runner` does with `KeyboardInterrupt`).
//!
//! ```text
//!                                    a signal comes
//!   unix(kind) ──▶ listening, quiet ───────────────▶ listening, remembered ──┐ more of them: still one
//!                    │  ▲                              │  │                  │
//!                    │  └───────────── recv ───────────┘  │ ◀────────────────┘
//!                    └──── dropped ──▶ not listening ◀────┘
//!                                       the last listener of the process: the default action is back
//! ```
//!
//! What runs in the signal handler is signal-hook's: it writes a byte to a socket, which the reactor watches as it
//! watches those of [`net`](crate::net). So a signal costs no thread, and is seen as soon as a socket is.
//!
//! # Guarantees
//! - Every listener hears, in whichever runtime and thread it is.
//! - A listener hears of what came after it was made, also before it is first polled. Signals that come before it is
//!   polled again are one, as for the kernel a signal that waits to be handled is.
//! - While a listener waits, virtual time does not jump, and there is no deadlock to report.
//! - When the last listener of a signal is dropped, the signal does again what it did by default (asyncio:
//!   `loop.remove_signal_handler`; tokio never gives it back). For [`ctrl_c`] that is when the runtime ends.
//! - A listener may be moved to another thread, and dropped there.
//!
//! # Non-guarantees
//! - Listening overrules what the process inherited: a program that was started with a signal ignored hears it once
//!   it listens.
//! - The default action comes back only where it was there at the first listening: a signal that was ignored is
//!   ignored again, and one that another library listens to is left to that. Real-time signals are ignored then.
//! - A library that listens through the same crate, as tokio does, and begins to while or after we listened, is not
//!   seen: after our last listener the default action runs, and most of them end the process. Keep a listener.
//! - A listener has two file descriptors of its own, the `ctrl_c`s of one runtime share two.

mod kind;
mod listener;
mod waiter;

pub use kind::SignalKind;
pub use listener::{Signal, unix};
pub use waiter::{CtrlC, ctrl_c};
