//! The frames in flight in one direction of a connection, each with its arrival time. Pure data.
//!
//! ```text
//!   send ──▶ [ frame due at t1, frame due at t2, … ] ── next, from t1 ──▶ End
//!                hold: no frame arrives
//!                release: the frames arrive again, in order
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Longer than any test. Replaces durations that an `Instant` cannot represent.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What one end sends to the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Bytes(Vec<u8>),
    /// The number of bytes that were read, which the peer may send again.
    WindowUpdate(usize),
    /// No more bytes follow.
    End,
    /// The stream at the other end was dropped: it neither writes nor reads.
    Gone,
    /// The connection is broken.
    Reset,
}

/// The times that determine when a frame arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    pub(super) now: Instant,
    pub(super) latency: Duration,
    /// How long the frame occupies the sender, by the bandwidth.
    pub(super) sending: Duration,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The frames with their arrival times. A frame never arrives before the one in front of it.
    frames: VecDeque<(Instant, Frame)>,
    /// When the sender has finished with its last frame.
    busy_until: Option<Instant>,
    /// Whether the route is cut, so that no frame arrives.
    is_held: bool,
}

impl InFlight {
    pub(super) fn send(&mut self, frame: Frame, trip: Trip) {
        let begin = self.busy_until.map_or(trip.now, |busy| busy.max(trip.now));
        let sent = after(begin, trip.sending);
        self.busy_until = Some(sent);
        self.frames.push_back((after(sent, trip.latency), frame));
    }

    /// Returns when the next frame arrives; `None` if none will.
    pub(super) fn due(&self) -> Option<Instant> {
        let next = self.frames.front().filter(|_| !self.is_held);
        next.map(|(due, _)| *due)
    }

    /// Removes the next frame that has arrived by `now`.
    pub(super) fn next(&mut self, now: Instant) -> Option<Frame> {
        self.due().filter(|due| *due <= now)?;
        self.frames.pop_front().map(|(_, frame)| frame)
    }

    /// Stops the arrival of frames.
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Continues the arrival of frames. Those that would have arrived meanwhile arrive at
    /// `earliest`.
    pub(super) fn release(&mut self, earliest: Instant) {
        if !std::mem::take(&mut self.is_held) {
            return;
        }
        for (due, _) in &mut self.frames {
            *due = earliest.max(*due);
        }
    }

    /// Discards all frames, and returns `true` if there were bytes among them.
    pub(super) fn clear(&mut self) -> bool {
        let frames = std::mem::take(&mut self.frames);
        frames
            .iter()
            .any(|(_, frame)| matches!(frame, Frame::Bytes(_)))
    }
}

/// Returns `moment + time`, or a time that is far off if an `Instant` cannot represent that.
pub(super) fn after(moment: Instant, time: Duration) -> Instant {
    moment
        .checked_add(time)
        .unwrap_or_else(|| moment + FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn trip(now: Instant, latency: u64, sending: u64) -> Trip {
        Trip {
            now,
            latency: ms(latency),
            sending: ms(sending),
        }
    }

    #[test]
    fn a_fast_frame_does_not_overtake_a_slow_one() {
        let (mut line, now) = (InFlight::default(), Instant::now());
        line.send(Frame::Bytes(vec![1]), trip(now, 9, 0));
        line.send(Frame::End, trip(now, 2, 0));
        assert_eq!(line.next(now + ms(8)), None);
        assert_eq!(line.next(now + ms(9)), Some(Frame::Bytes(vec![1])));
        assert_eq!(line.next(now + ms(9)), Some(Frame::End));
        assert_eq!(line.due(), None);
    }

    #[test]
    fn a_sender_that_is_busy_sends_later() {
        let (mut line, now) = (InFlight::default(), Instant::now());
        line.send(Frame::WindowUpdate(1), trip(now, 1, 10));
        line.send(Frame::WindowUpdate(2), trip(now, 1, 10));
        assert_eq!(line.due(), Some(now + ms(11)));
        line.next(now + ms(11)).unwrap();
        assert_eq!(line.due(), Some(now + ms(21)));
    }

    #[test]
    fn what_was_held_arrives_after_the_release_and_what_was_later_anyway_when_it_would_have() {
        let (mut line, now) = (InFlight::default(), Instant::now());
        line.send(Frame::WindowUpdate(1), trip(now, 1, 0));
        line.send(Frame::WindowUpdate(2), trip(now, 50, 0));
        line.hold();
        assert_eq!((line.due(), line.next(now + ms(60))), (None, None));
        line.release(now + ms(20));
        assert_eq!(line.due(), Some(now + ms(20)));
        line.next(now + ms(20)).unwrap();
        assert_eq!(line.due(), Some(now + ms(50)));
        line.release(now + ms(90));
        assert_eq!(line.due(), Some(now + ms(50)), "it was not held");
    }

    #[test]
    fn a_time_that_no_clock_can_show_is_far_off() {
        let now = Instant::now();
        assert!(after(now, Duration::MAX) > now + ms(1_000_000_000));
    }
}
