//! Cancel at every step, for futures that wait for sockets and other descriptors.

mod descriptors;
mod sockets;
