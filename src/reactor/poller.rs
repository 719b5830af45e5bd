//! The poller: the part of the reactor that calls the operating system, and its only file that is
//! specific to Linux.
//!
//! Every descriptor is added once, for both directions and edge-triggered, and not changed until it
//! is deleted. The poller knows tokens, no sources, and keeps no state of a descriptor.
//!
//! # How it waits
//!
//! The timeout of epoll counts whole milliseconds, that of ppoll nanoseconds. So a wait with a
//! timeout has two steps:
//!
//! ```text
//!        long timeout                    little time left
//!   wait ────────────▶ coarse_wait: ─────────────────────▶ fine_wait: ppoll on
//!                      epoll_pwait, whole ms,              the epoll descriptor,
//!                      rounded down, a 512th early         nanoseconds
//!                         │                                 │         │
//!                         │ events:                 nothing │  events │
//!                         ▼ one call                        ▼         ▼
//!                       done                              done      epoll_pwait,
//!                                                                   at once
//! ```
//!
//! Without a timeout, with a timeout of zero, and for a long timeout that an event cuts short, this
//! is one system call. `fine_wait` is one call if the time runs out, two if an event comes. If the
//! last wait ended by the clock, the next one most likely will, too: then `coarse_wait` is left out
//! except for long waits, and a program that only sleeps pays one call per sleep.
//!
//! The kernel lets each of these waits end late by a thousandth of its length, and by at least the
//! timer slack of the thread, 50 µs by default; unless another timer fires, it ends as late as
//! that. `coarse_wait` ends early by more; `fine_wait` subtracts the slack from its timeout, and so
//! ends at the exact time. If it ends before, as it may when another timer fires, one more wait
//! takes the rest. Only a rest that is shorter than the slack needs a lowered slack
//! ([`TimerSlackGuard`]), which costs three more calls. Lowering it permanently would be simpler,
//! but every thread and every process that a task starts would inherit it.
//!
//! If the process may open no descriptor (`RLIMIT_NOFILE` is 0), ppoll accepts none. The second
//! step then counts whole milliseconds, too, rounded up: late by less than one, and never early.
//!
//! `epoll_pwait2` counts nanoseconds, too, and would save the last call of the drawing, and two
//! microseconds of lateness. It is missing from kernels before 5.11, from older sandboxes, and from
//! valgrind, so it needs the other calls as a fallback; and rustix provides only one of them in a
//! program: its feature `linux_5_11` takes `epoll_wait` away, from all other crates that use
//! rustix, too.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::process::{Pid, getpid};

use super::readiness::Readiness;
use super::timer_slack::{TimerSlackGuard, current_slack};
use super::unparker::Notify;

/// The greatest number of events of one wait; further events come with the next one. Small in
/// tests, so that few descriptors exceed it.
pub(super) const EVENTS: usize = if cfg!(test) { 16 } else { 1024 };

/// The longest wait without a `coarse_wait` when the clock is likely to end it: up to this length,
/// the kernel's slack, which is greater for a niced thread, is less than the time to wake up.
const SHORT: Duration = Duration::from_millis(50);

/// The longest `coarse_wait`; a longer timeout takes several.
const MAX_COARSE: Duration = Duration::from_secs(3600);

/// An epoll instance.
#[derive(Debug)]
pub(super) struct Instance {
    fd: OwnedFd,
    /// The process that created it. A forked process shares the same instance, not a copy.
    process: Pid,
}

impl Instance {
    /// Opens an instance.
    fn new() -> io::Result<Self> {
        Ok(Self {
            fd: epoll::create(CreateFlags::CLOEXEC)?,
            process: getpid(),
        })
    }

    /// Removes `fd`. In a forked process it does nothing, because the parent still uses the
    /// instance.
    fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if getpid() == self.process {
            epoll::delete(&self.fd, fd)?;
        }
        Ok(())
    }
}

impl AsFd for Instance {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An epoll instance, and the events of its last wait.
pub(super) struct Poller {
    /// The instance. A [`Detacher`] on another thread shares it for the time of one call.
    epoll: Arc<Instance>,
    /// The events of the last wait.
    events: Vec<Event>,
    /// Whether the last wait with a timeout ended by its timeout.
    ended_by_clock: bool,
    /// The timer slack of the thread that waits.
    slack: Duration,
}

impl Poller {
    /// Opens an instance.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Arc::new(Instance::new()?),
            events: Vec::with_capacity(EVENTS),
            ended_by_clock: false,
            slack: current_slack(),
        })
    }

    /// Reads the timer slack of this thread, which is the one that waits from now on.
    pub(super) fn read_slack(&mut self) {
        self.slack = current_slack();
    }

    /// Adds `fd`, edge-triggered, in both directions. If it is ready now, that is the first edge.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::PRI | EventFlags::RDHUP;
        let data = EventData::new_u64(token);
        Ok(epoll::add(
            &self.epoll.fd,
            fd,
            data,
            edges | EventFlags::ET,
        )?)
    }

    /// Adds an event descriptor, which is never read: each notification is an edge of its own.
    pub(super) fn add_event_fd(&self, event_fd: &EventFd, token: u64) -> io::Result<()> {
        self.add_alarm(event_fd.0.as_fd(), token)
    }

    /// Adds an eventfd or timerfd, which is never read: each time that it rings is an edge.
    pub(super) fn add_alarm(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::add(
            &self.epoll.fd,
            fd,
            data,
            EventFlags::IN | EventFlags::ET,
        )?)
    }

    /// Removes `fd`.
    pub(super) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.epoll.delete(fd)
    }

    /// Returns the instance, which a [`Doorbell`](super::Doorbell) keeps open.
    pub(super) fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.epoll)
    }

    /// Returns a handle with which other threads remove descriptors.
    pub(super) fn detacher(&self) -> Detacher {
        Detacher(Arc::downgrade(&self.epoll))
    }

    /// Waits for an event, the timeout, or a signal. [`events`](Self::events) returns the events.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        match self.wait_in_steps(timeout) {
            Err(Errno::INTR) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Returns the events of the last wait.
    pub(super) fn events(&self) -> impl Iterator<Item = (u64, Readiness)> {
        self.events
            .iter()
            .map(|event| (event.data.u64(), readiness(event.flags)))
    }

    /// Waits without a timeout, or up to a deadline.
    fn wait_in_steps(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        match timeout {
            None => self.collect(None),
            Some(Duration::ZERO) => self.collect(Some(Duration::ZERO)),
            Some(timeout) => match Instant::now().checked_add(timeout) {
                Some(deadline) => self.wait_until(deadline, timeout),
                None => self.collect(None),
            },
        }
    }

    /// Waits in steps until an event occurs or `left`, the time until `deadline`, has passed.
    fn wait_until(&mut self, deadline: Instant, mut left: Duration) -> Result<(), Errno> {
        while self.events.is_empty() && !left.is_zero() {
            match coarse_wait(left, self.slack, self.ended_by_clock) {
                Some(step) => self.collect(Some(step))?,
                None => self.fine_wait(left)?,
            }
            left = deadline.saturating_duration_since(Instant::now());
        }
        self.ended_by_clock = self.events.is_empty();
        Ok(())
    }

    /// Waits in epoll and stores the events. A timeout must be in whole milliseconds.
    fn collect(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        let timeout = timeout.map(timespec);
        epoll::wait(
            &self.epoll.fd,
            spare_capacity(&mut self.events),
            timeout.as_ref(),
        )?;
        Ok(())
    }

    /// Waits for the rest of a timeout, and stores the events.
    fn fine_wait(&mut self, left: Duration) -> Result<(), Errno> {
        match self.ppoll_wait(left) {
            Ok(false) => Ok(()),
            Ok(true) => self.collect(Some(Duration::ZERO)),
            // If the process may open no descriptor (`RLIMIT_NOFILE` is 0), ppoll accepts none.
            Err(Errno::INVAL) => self.collect(Some(up_to_milliseconds(left))),
            Err(error) => Err(error),
        }
    }

    /// Waits for the epoll descriptor, with a timeout in nanoseconds. Returns `true` if there are
    /// events to collect.
    fn ppoll_wait(&self, timeout: Duration) -> Result<bool, Errno> {
        let mut fds = [PollFd::new(&self.epoll.fd, PollFlags::IN)];
        let (timeout, _without_slack) = match less_slack(timeout, self.slack) {
            Some(less) => (less, None),
            None => (timeout, TimerSlackGuard::lower()),
        };
        Ok(poll(&mut fds, Some(&timespec(timeout)))? > 0)
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.fd.as_fd()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("epoll", &self.epoll.fd)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// Returns the part of a timeout to wait in whole milliseconds, if any.
fn coarse_wait(timeout: Duration, slack: Duration, clock_will_end_it: bool) -> Option<Duration> {
    let early = timeout.min(MAX_COARSE) - timeout.min(MAX_COARSE) / 512;
    let early = early.saturating_sub(slack);
    let step = Duration::from_millis(early.as_millis().try_into().ok()?);
    let skip = step.is_zero() || (clock_will_end_it && timeout <= SHORT);
    (!skip).then_some(step)
}

/// Rounds a timeout up to whole milliseconds.
fn up_to_milliseconds(timeout: Duration) -> Duration {
    let nanos = timeout.subsec_nanos().next_multiple_of(1_000_000);
    Duration::from_secs(timeout.as_secs()) + Duration::from_nanos(nanos.into())
}

/// Returns the timeout to pass to the kernel, which adds a slack of its own, to wait for `left`.
/// `None` if that is nothing.
fn less_slack(left: Duration, slack: Duration) -> Option<Duration> {
    let less = left.checked_sub(slack.max(left / 1024))?;
    (!less.is_zero()).then_some(less)
}

/// Converts a timeout. No timeout here is much longer than an hour.
fn timespec(timeout: Duration) -> Timespec {
    Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    }
}

/// Converts the flags of epoll.
fn readiness(flags: EventFlags) -> Readiness {
    let meanings = [
        (EventFlags::IN, Readiness::READABLE),
        (EventFlags::OUT, Readiness::WRITABLE),
        (EventFlags::PRI, Readiness::URGENT),
        (EventFlags::RDHUP, Readiness::READ_CLOSED),
        (
            EventFlags::HUP,
            Readiness::READ_CLOSED | Readiness::WRITE_CLOSED,
        ),
        (EventFlags::ERR, Readiness::ERROR),
    ];
    let set = meanings.iter().filter(|(flag, _)| flags.contains(*flag));
    set.fold(Readiness::NONE, |sum, (_, meaning)| sum | *meaning)
}

/// Removes descriptors from a poller, on any thread, also while the poller waits, and after it was
/// dropped.
#[derive(Clone, Debug)]
pub(crate) struct Detacher(Weak<Instance>);

impl Detacher {
    /// Removes `fd`. Call it before `fd` is closed: the kernel reports the descriptor for as long
    /// as a copy of it is open, for example in a forked process.
    pub(crate) fn detach(&self, fd: BorrowedFd<'_>) {
        if let Some(epoll) = self.0.upgrade() {
            // An error means that the kernel has removed the descriptor.
            epoll.delete(fd).ok();
        }
    }
}

/// An eventfd that ends the wait of the home thread.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    /// Opens an eventfd.
    pub(super) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }
}

impl Notify for EventFd {
    fn notify(&self) {
        // Fails only after 2^64 - 2 notifications.
        let written = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        debug_assert_eq!(written, Ok(8));
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use rustix::thread::current_timer_slack;

    use super::*;

    /// The default of the kernel.
    const SLACK: Duration = Duration::from_micros(50);

    #[test]
    fn a_coarse_wait_is_whole_milliseconds_and_ends_early() {
        for micros in (0..200_000).step_by(37) {
            let timeout = Duration::from_micros(micros);
            let Some(step) = coarse_wait(timeout, SLACK, false) else {
                assert!(timeout < Duration::from_micros(1_052), "{timeout:?}");
                continue;
            };
            assert!(step + SLACK <= timeout && !step.is_zero(), "{timeout:?}");
            assert_eq!(step.subsec_nanos() % 1_000_000, 0, "{timeout:?}");
        }
    }

    #[test]
    fn a_wait_that_the_clock_will_end_has_no_coarse_wait_unless_it_is_long() {
        assert_eq!(coarse_wait(SHORT, SLACK, true), None);
        assert!(coarse_wait(SHORT + Duration::from_nanos(1), SLACK, true).is_some());
    }

    #[test]
    fn a_fine_wait_and_its_slack_are_what_is_left() {
        for nanos in (1..100_000_000).step_by(997) {
            let left = Duration::from_nanos(nanos);
            let Some(asked) = less_slack(left, SLACK) else {
                assert!(left <= SLACK, "{left:?}");
                continue;
            };
            assert!(asked <= left && !asked.is_zero(), "{left:?}");
            let ends = asked + SLACK.max(asked / 1000);
            assert!(
                ends.abs_diff(left) <= left / 10_000 + Duration::from_nanos(2),
                "{left:?}"
            );
        }
    }

    #[test]
    fn a_fine_wait_without_ppoll_is_whole_milliseconds_and_not_early() {
        for nanos in (1..5_000_000).step_by(997).chain([1_000_000, u64::MAX / 2]) {
            let left = Duration::from_nanos(nanos);
            let step = up_to_milliseconds(left);
            assert!(left <= step && step < left + Duration::from_millis(1));
            assert_eq!(step.subsec_nanos() % 1_000_000, 0, "{left:?}");
        }
    }

    #[test]
    fn any_timeout_has_a_coarse_wait_that_the_kernel_accepts() {
        for timeout in [Duration::from_secs(86_400 * 365), Duration::MAX] {
            assert!(coarse_wait(timeout, SLACK, false).is_some_and(|step| step <= MAX_COARSE));
        }
    }

    #[test]
    fn hanging_up_makes_both_directions_final() {
        use super::super::readiness::Direction::{Read, Write};
        for flag in [EventFlags::HUP, EventFlags::ERR] {
            let readiness = readiness(flag);
            for direction in [Read, Write] {
                assert!(readiness.is_ready(direction) && readiness.is_final(direction));
            }
        }
        assert!(!readiness(EventFlags::RDHUP).is_ready(Write));
    }

    #[test]
    fn waits_of_any_length_leave_the_timer_slack_as_it_was() {
        let before = current_timer_slack().expect("readable");
        let mut poller = Poller::new().expect("descriptors");
        for micros in [1, 20, 49, 50, 51, 99, 1_000, 2_500] {
            poller
                .wait(Some(Duration::from_micros(micros)))
                .expect("a wait");
            assert_eq!(current_timer_slack(), Ok(before));
        }
    }
}
