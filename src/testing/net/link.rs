//! The properties of the link between two hosts.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The default window of a connection.
const WINDOW: usize = 64 * 1024;

/// The properties of a link between hosts: latency, bandwidth, window, and random breaks.
///
/// A new link is perfect: it has no latency, and nothing breaks. Set it with
/// [`Network::set_link`](super::Network::set_link) or
/// [`Network::set_link_between`](super::Network::set_link_between).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::testing::net::{Link, Network};
///
/// let network = Network::new();
/// let ms = Duration::from_millis;
/// network.set_link(Link::new().latency_between(ms(1)..=ms(20)).bandwidth(1_000_000));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a link does nothing until it is set on a network"]
pub struct Link {
    latency: RangeInclusive<Duration>,
    /// Bytes per second.
    bandwidth: Option<u64>,
    /// The number of bytes that may be in flight or unread.
    window: usize,
    /// One of this number of writes breaks the connection.
    breaks: Option<u32>,
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// Creates a perfect link, with a window of 64 KiB.
    pub const fn new() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            bandwidth: None,
            window: WINDOW,
            breaks: None,
        }
    }

    /// Sets the latency of one direction.
    pub fn latency(self, latency: Duration) -> Self {
        self.latency_between(latency..=latency)
    }

    /// Sets a range of latencies. The seed of the run chooses one for each write and for each step
    /// of connecting; without a seed it is the shortest. The bytes of a connection still arrive in
    /// order.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn latency_between(mut self, latency: RangeInclusive<Duration>) -> Self {
        assert!(!latency.is_empty(), "the range of latencies is empty");
        self.latency = latency;
        self
    }

    /// Sets the number of bytes per second in each direction of each connection.
    ///
    /// # Panics
    /// If it is 0. Use [`Network::partition`](super::Network::partition) instead.
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        assert!(
            bytes_per_second > 0,
            "a bandwidth must not be 0; to stop all traffic, use `Network::partition`"
        );
        self.bandwidth = Some(bytes_per_second);
        self
    }

    /// Sets how many bytes each direction of a connection takes that were written and not yet read.
    /// A write beyond that waits.
    ///
    /// It applies to connections that are opened later. As with TCP windows, the writer may
    /// continue when half of the window has been read and the notice of that has travelled over the
    /// network.
    ///
    /// # Panics
    /// If it is 0.
    pub fn window(mut self, bytes: usize) -> Self {
        assert!(
            bytes > 0,
            "a window must not be 0: nothing could be written"
        );
        self.window = bytes;
        self
    }

    /// Makes one of `writes` writes, chosen by the seed of the run, break the connection: both ends
    /// get [`ConnectionReset`](std::io::ErrorKind::ConnectionReset). Without a seed, none does.
    ///
    /// # Panics
    /// If it is 0 or 1, since a failure could then not be simplified to a run without breaks.
    pub fn breaks_one_in(mut self, writes: u32) -> Self {
        assert!(
            writes > 1,
            "`breaks_one_in` needs at least 2: some writes must succeed"
        );
        self.breaks = Some(writes);
        self
    }

    /// Returns the shortest latency.
    pub(super) fn least_latency(&self) -> Duration {
        *self.latency.start()
    }

    /// Returns a latency from the range. `choose(n)` returns a number below `n`.
    pub(super) fn draw_latency(&self, choose: impl FnOnce(usize) -> usize) -> Duration {
        let (least, most) = (*self.latency.start(), *self.latency.end());
        let times = usize::try_from((most - least).as_nanos()).unwrap_or(usize::MAX);
        least + Duration::from_nanos(choose(times.saturating_add(1)) as u64)
    }

    /// Returns how long the sender needs for `bytes`, by the bandwidth.
    pub(super) fn sending(&self, bytes: usize) -> Duration {
        let Some(bandwidth) = self.bandwidth else {
            return Duration::ZERO;
        };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(bandwidth);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn window_size(&self) -> usize {
        self.window
    }

    /// Returns `true` if a write breaks the connection. `choose(n)` returns a number below `n`.
    pub(super) fn draw_break(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        self.breaks
            .is_some_and(|writes| choose(writes as usize) == 1)
    }
}
