//! Adapters to the I/O traits of hyper and tokio.
//!
//! | feature | module | for |
//! |---|---|---|
//! | `hyper` | `compat::hyper` | hyper 1 and libraries built on it: axum, tonic |
//! | `tokio-io` | `compat::tokio` | libraries that use `tokio::io::{AsyncRead, AsyncWrite}`: tokio-postgres, tokio-rustls |
//!
//! Each has a wrapper `Io` for streams of `futures::io`:
//!
//! ```
//! # #[cfg(feature = "tokio-io")] {
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use wheelhouse::compat::tokio::Io;
//! use wheelhouse::net::UnixStream;
//!
//! wheelhouse::run(async {
//!     let (near, far) = UnixStream::pair()?;
//!     Io::new(near).write_all(b"ping").await?;
//!     let mut received = String::new();
//!     Io::new(far).read_to_string(&mut received).await?;
//!     assert_eq!(received, "ping");
//!     Ok::<(), std::io::Error>(())
//! })?;
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The wrapped stream may be a socket of [`net`](crate::net), or a stream of another library, such
//! as a TLS stream. No tokio runtime is started; of tokio only the traits are compiled.

#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio-io")]
pub mod tokio;
