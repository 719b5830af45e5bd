//! Arguments that stand for addresses, and the lookup of host names.
//!
//! The trait of the same name in std resolves names on the calling thread. The one here only
//! separates addresses from names; `resolve` looks names up on another thread.

use std::io::{self, ErrorKind};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as _,
};

use sealed::Named;
pub(crate) use sealed::Target;

use crate::runtime::{Offload, OnShutdown, require_runtime};

/// An address, or several, to connect or bind to: the argument of
/// [`TcpStream::connect`](super::TcpStream::connect) and
/// [`TcpListener::bind`](super::TcpListener::bind).
///
/// | argument | example |
/// |---|---|
/// | text | `"127.0.0.1:80"`, `"[::1]:80"`, `"localhost:80"` |
/// | host and port | `("localhost", 80)`, `("::1", 80)` |
/// | IP address and port | `(Ipv4Addr::LOCALHOST, 80)` |
/// | socket address | a [`SocketAddr`], [`SocketAddrV4`] or [`SocketAddrV6`] |
/// | several socket addresses | an array, a slice or a `Vec` |
///
/// A reference to any of these is accepted, too. The trait cannot be implemented outside this
/// crate.
///
/// ```
/// use std::net::Ipv4Addr;
/// use wheelhouse::net::{TcpListener, TcpStream, ToSocketAddrs};
///
/// async fn greet(server: impl ToSocketAddrs) -> std::io::Result<()> {
///     let _stream = TcpStream::connect(server).await?;
///     Ok(())
/// }
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
///     let address = listener.local_addr()?;
///     greet(address).await?;
///     greet(format!("127.0.0.1:{}", address.port())).await?;
///     greet(("127.0.0.1", address.port())).await
/// })
/// # }
/// ```
///
/// Numeric addresses are used at once. A host name is resolved by the system (`getaddrinfo`) on
/// another thread, which cannot be interrupted: if the lookup is cancelled, it runs to its end in
/// the background, and nothing waits for it.
pub trait ToSocketAddrs: Named {}

impl<T: Named + ?Sized> ToSocketAddrs for T {}

/// The part of the trait that is not public.
mod sealed {
    use std::io;
    use std::net::SocketAddr;

    /// What an argument stands for.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Target {
        /// Addresses, in this order.
        Addresses(Vec<SocketAddr>),
        /// A host name to look up, and a port.
        Host(String, u16),
    }

    /// An argument that stands for addresses.
    pub trait Named {
        /// Separates addresses from names, without a lookup.
        fn target(&self) -> io::Result<Target>;
    }
}

/// Separates addresses from names, for networks that resolve names in their own way.
pub(crate) fn target(address: &impl ToSocketAddrs) -> io::Result<Target> {
    address.target()
}

/// Returns the addresses of a host (asyncio: `loop.getaddrinfo`).
///
/// The argument has a port, as `"localhost:80"` or `("localhost", 80)`, which each address then
/// has. Numeric addresses are returned as they are.
/// [`TcpStream::connect`](super::TcpStream::connect) and other functions look names up themselves.
///
/// # Cancel safety
/// Nothing is lost. The lookup continues in the background, see [`ToSocketAddrs`].
///
/// # Errors
/// Fails if the text is no address, or the name is unknown; outside a runtime, if it is a name.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let addresses = wheelhouse::net::lookup_host("localhost:80").await?;
///     assert!(addresses.iter().all(|address| address.ip().is_loopback()));
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "getaddrinfo")]
pub async fn lookup_host<A: ToSocketAddrs>(host: A) -> io::Result<Vec<SocketAddr>> {
    let target = host.target();
    drop(host);
    resolve(target).await
}

/// Returns the addresses of a target; looks a name up.
pub(super) async fn resolve(target: io::Result<Target>) -> io::Result<Vec<SocketAddr>> {
    match target? {
        Target::Addresses(addresses) => Ok(addresses),
        Target::Host(name, port) => look_up(name, port).await,
    }
}

/// Runs `getaddrinfo` on another thread.
async fn look_up(name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    require_runtime()?;
    let asked = name.clone();
    let ask = move || (asked, port).to_socket_addrs().map(Vec::from_iter);
    let found = Offload::new(ask, OnShutdown::Leave).await;
    let found = found.unwrap_or_else(|failure| Err(failure.into_error()));
    found.map_err(|error| io::Error::new(error.kind(), format!("looking up `{name}`: {error}")))
}

/// Tries one address after the other. Returns the first success, or the last error.
pub(super) fn first_success<T>(
    addresses: Vec<SocketAddr>,
    attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut outcome = Err(no_address());
    for attempted in addresses.into_iter().map(attempt) {
        outcome = attempted;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The error for an empty list of addresses.
pub(super) fn no_address() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "no address to connect or bind to")
}

/// A host, which may be a numeric address.
fn host(name: &str, port: u16) -> Target {
    match name.parse::<IpAddr>() {
        Ok(ip) => Target::Addresses(vec![(ip, port).into()]),
        Err(_) => Target::Host(name.to_owned(), port),
    }
}

/// Parses an address, or a host and a port.
fn parse(text: &str) -> io::Result<Target> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Target::Addresses(vec![address]));
    }
    let parts = text.rsplit_once(':');
    let parts = parts.and_then(|(name, port)| Some((name, port.parse().ok()?)));
    match parts {
        Some((name, port)) if !name.is_empty() => Ok(host(name, port)),
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!(
                "expected a host and a port, as in `127.0.0.1:80` or `localhost:80`, not `{text}`"
            ),
        )),
    }
}

/// Implements the trait for types that convert into one address.
macro_rules! one_address {
    ($($type:ty),*) => {$(
        impl Named for $type {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::Addresses(vec![(*self).into()]))
            }
        }
    )*};
}

one_address!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl Named for str {
    fn target(&self) -> io::Result<Target> {
        parse(self)
    }
}

impl Named for String {
    fn target(&self) -> io::Result<Target> {
        parse(self)
    }
}

impl Named for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(host(self.0, self.1))
    }
}

impl Named for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(host(&self.0, self.1))
    }
}

impl Named for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Addresses(self.to_vec()))
    }
}

impl<const N: usize> Named for [SocketAddr; N] {
    fn target(&self) -> io::Result<Target> {
        self.as_slice().target()
    }
}

impl Named for Vec<SocketAddr> {
    fn target(&self) -> io::Result<Target> {
        self.as_slice().target()
    }
}

impl<T: Named + ?Sized> Named for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Target {
        Target::Addresses(vec![text.parse().expect("an address")])
    }

    #[test]
    fn numbers_are_addresses_and_everything_else_is_a_name() {
        let name = || Target::Host("localhost".into(), 80);
        assert_eq!("127.0.0.1:80".target().unwrap(), one("127.0.0.1:80"));
        assert_eq!("[::1]:80".target().unwrap(), one("[::1]:80"));
        assert_eq!(("::1", 80).target().unwrap(), one("[::1]:80"));
        assert_eq!(String::from("localhost:80").target().unwrap(), name());
        assert_eq!(("localhost", 80).target().unwrap(), name());
        assert_eq!((String::from("localhost"), 80).target().unwrap(), name());
        let v6 = (Ipv6Addr::LOCALHOST, 80);
        assert_eq!(v6.target().unwrap(), one("[::1]:80"));
    }

    #[test]
    fn text_without_a_host_or_a_port_is_refused_with_a_message() {
        for text in ["", ":", "localhost", ":80", "localhost:", "localhost:99999"] {
            let error = text.target().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn several_addresses_keep_their_order() {
        let several = ["127.0.0.1:2", "127.0.0.1:1"].map(|text| text.parse().unwrap());
        let all = Target::Addresses(several.to_vec());
        assert_eq!(several.target().unwrap(), all);
        assert_eq!(several.to_vec().target().unwrap(), all);
        assert_eq!(several[..].target().unwrap(), all);
    }

    #[test]
    fn a_name_is_looked_up() {
        let found = crate::runtime::run(resolve(("localhost", 80).target()));
        let found = found.expect("localhost has an address");
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
    }
}
