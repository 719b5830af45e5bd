//! Small tools that know neither tasks nor time. Layer 0.

pub(crate) mod budget;
#[allow(unsafe_code, reason = "a call of the C library about sockets")]
mod credentials;
mod id;
mod quiet;
#[allow(
    unsafe_code,
    reason = "a reference to a value becomes one to its transparent wrapper"
)]
mod shown;
#[allow(unsafe_code, reason = "calls of the C library about signals")]
mod signals;
pub(crate) mod slab;
pub(crate) mod sync;
pub(crate) mod vars;
pub(crate) mod wait_graph;
pub(crate) mod wait_queue;
pub(crate) mod waiting_io;

pub(crate) use credentials::peer_credentials;
pub use id::Id;
pub(crate) use quiet::{Payload, caught, drop_quietly, go_on, text_of, wake_quietly};
pub(crate) use shown::as_error;
pub(crate) use signals::{has_default_action, signal_of};
