//! The types of `wheelhouse::sync`.

mod channels;
mod locks;
mod queues;
