//! Connecting to the first of several addresses that answers: RFC 8305,
//! sections 4 and 5 ("Happy Eyeballs").
//!
//! ```text
//!          ┌─ an attempt succeeds ─▶ Ok(stream); the other attempts are dropped,
//!          │                         which closes their sockets
//!   poll ──┼─ an attempt fails ────▶ the next address is tried at once;
//!          │                         Err(last error) if no attempt is left
//!          └─ ATTEMPT_DELAY ends ──▶ the next address is tried as well
//! ```

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::super::address::no_address;
use crate::time::{Sleep, sleep};

/// The time after which the next address is tried in parallel: the value that the RFC recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to `addresses` in parallel, staggered by [`ATTEMPT_DELAY`]; returns the first stream.
pub(crate) async fn happy_eyeballs<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    if let [address] = addresses[..] {
        return connect(address).await;
    }
    let mut race = Race {
        waiting: interleave_families(addresses),
        connect,
        attempts: Vec::new(),
        delay: None,
        error: no_address(),
    };
    poll_fn(|cx| race.poll(cx)).await
}

/// Alternates the two address families (RFC 8305, section 4), beginning with that of the first
/// address. Within a family the order of the resolver stays.
fn interleave_families(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut ordered = VecDeque::new();
    while one.len() + other.len() > 0 {
        ordered.extend(one.next());
        ordered.extend(other.next());
    }
    ordered
}

/// Connection attempts in progress at the same time.
struct Race<C, F> {
    /// Addresses that have not been tried yet.
    waiting: VecDeque<SocketAddr>,
    /// Starts an attempt.
    connect: C,
    /// The attempts in progress, the latest last.
    attempts: Vec<Pin<Box<F>>>,
    /// Expires when the latest attempt has taken [`ATTEMPT_DELAY`].
    delay: Option<Sleep>,
    /// The error of the last attempt that failed.
    error: io::Error,
}

impl<T, C, F> Race<C, F>
where
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    /// Polls all attempts, and starts others when they are due.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Some(stream) = self.poll_attempts(0, cx) {
            return Poll::Ready(Ok(stream));
        }
        while self.is_next_due(cx) {
            let Some(address) = self.waiting.pop_front() else {
                break;
            };
            self.delay = Some(sleep(ATTEMPT_DELAY));
            self.attempts.push(Box::pin((self.connect)(address)));
            if let Some(stream) = self.poll_attempts(self.attempts.len() - 1, cx) {
                return Poll::Ready(Ok(stream));
            }
        }
        if self.attempts.is_empty() {
            Poll::Ready(Err(std::mem::replace(&mut self.error, no_address())))
        } else {
            Poll::Pending
        }
    }

    /// Polls the attempts from index `from` on. Returns the first stream; a failed attempt makes
    /// the next one due.
    fn poll_attempts(&mut self, from: usize, cx: &mut Context<'_>) -> Option<T> {
        let mut number = from;
        while let Some(attempt) = self.attempts.get_mut(number) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => number += 1,
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err(error)) => {
                    self.error = error;
                    self.delay = None;
                    drop(self.attempts.remove(number));
                }
            }
        }
        None
    }

    /// Returns `true` if the next address is due: no attempt is in progress, the latest one failed,
    /// or [`ATTEMPT_DELAY`] has expired.
    fn is_next_due(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        match &mut self.delay {
            Some(delay) => Pin::new(delay).poll(cx).is_ready(),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_keep_their_own_order() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleave_families(given), expected);
        assert!(interleave_families(Vec::new()).is_empty());
        let v4 = addresses(&["2.2.2.2:1", "1.1.1.1:1"]);
        assert_eq!(interleave_families(v4.clone()), v4);
    }
}
