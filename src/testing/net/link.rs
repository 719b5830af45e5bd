//! How a link between two hosts behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How many bytes a connection takes unread, unless it is set.
const WINDOW: usize = 64 * 1024;

/// How the way from one host to another behaves: [`Network::set_link`](super::Network::set_link),
/// [`Network::set_link_between`](super::Network::set_link_between).
///
/// A new one is perfect: no delay, no loss.
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
#[must_use = "settings do nothing until a network has them"]
pub struct Link {
    /// How long bytes travel.
    latency: RangeInclusive<Duration>,
    /// Bytes a second.
    bandwidth: Option<u64>,
    /// How many bytes may be under way or unread.
    window: usize,
    /// Of how many writes one breaks the connection.
    breaks: Option<u32>,
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// A perfect link, with a window of 64 KiB.
    pub const fn new() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            bandwidth: None,
            window: WINDOW,
            breaks: None,
        }
    }

    /// Lets everything take this long, in one direction.
    pub fn latency(self, latency: Duration) -> Self {
        self.latency_between(latency..=latency)
    }

    /// Lets each write, and each step of connecting, take a time out of this range, chosen by the seed; the shortest where there
    /// is none. The bytes of one connection keep their order all the same.
    ///
    /// # Panics
    /// When the range is empty.
    pub fn latency_between(mut self, latency: RangeInclusive<Duration>) -> Self {
        assert!(
            !latency.is_empty(),
            "a latency needs a range with at least one time in it"
        );
        self.latency = latency;
        self
    }

    /// Lets each direction of each connection carry so many bytes a second.
    ///
    /// # Panics
    /// When it is none: [`Network::partition`](super::Network::partition) is for that.
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        assert!(bytes_per_second > 0, "no bandwidth: use `partition`");
        self.bandwidth = Some(bytes_per_second);
        self
    }

    /// Lets a connection hold so many bytes that were written and not read; a write beyond that waits. For connections that are
    /// made afterwards.
    ///
    /// As with real windows, the writer hears of room when half of it has been read, and by way of the network.
    ///
    /// # Panics
    /// When it is none.
    pub fn window(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "without a window nothing can ever be written");
        self.window = bytes;
        self
    }

    /// Lets one of so many writes, chosen by the seed, break the connection instead: both ends get
    /// [`ConnectionReset`](std::io::ErrorKind::ConnectionReset). Without a seed, none does.
    ///
    /// # Panics
    /// When it is fewer than two, as the order in which nothing special happens is to have no fault.
    pub fn breaks_one_in(mut self, writes: u32) -> Self {
        assert!(writes > 1, "at least one of two writes has to get through");
        self.breaks = Some(writes);
        self
    }

    /// The shortest time that bytes travel.
    pub(super) fn least_latency(&self) -> Duration {
        *self.latency.start()
    }

    /// A time that bytes travel; `choose` chooses one of so many.
    pub(super) fn draw_latency(&self, choose: impl FnOnce(usize) -> usize) -> Duration {
        let (least, most) = (*self.latency.start(), *self.latency.end());
        let times = usize::try_from((most - least).as_nanos()).unwrap_or(usize::MAX);
        least + Duration::from_nanos(choose(times.saturating_add(1)) as u64)
    }

    /// How long a sender is busy with so many bytes.
    pub(super) fn sending(&self, bytes: usize) -> Duration {
        let Some(bandwidth) = self.bandwidth else {
            return Duration::ZERO;
        };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(bandwidth);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many bytes may be under way or unread.
    pub(super) fn window_size(&self) -> usize {
        self.window
    }

    /// Whether a write breaks the connection; `choose` chooses one of so many.
    pub(super) fn draw_break(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        self.breaks
            .is_some_and(|writes| choose(writes as usize) == 1)
    }
}
