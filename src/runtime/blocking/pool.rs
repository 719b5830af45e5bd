//! The pool of threads for blocking functions, one for the process.
//!
//! ```text
//!            a thread is free
//!   submit ─┬─────────────────────────▶ queued ── a thread takes the job ──▶ run
//!           ├─ the pool is full ──────▶ queued
//!           └─ a thread is started ─┬─▶ queued
//!                refused by the     ├─ other threads exist ──▶ queued for them
//!                system             └─ none exists ──▶ the job is dropped,
//!                                                      submit returns the error
//!
//!                            takes a job
//!   thread:  started ─▶ free ──────────▶ busy
//!                       │  ▲              │
//!     no job for IDLE:  │  └──────────────┘ the job has returned
//!               ended ◀─┘
//! ```
//!
//! It is not the crate `blocking`, because version 1.7 tries in a loop to start a thread, and so
//! uses the whole CPU if the system refuses (its issue 79). Also, the threads of such pools inherit
//! the CPU affinity and the timer slack of the thread that started them.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::inheritance::shed_inheritance;
use crate::util::{caught, drop_quietly};

/// A function to run.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// The time after which a thread without a job ends.
const IDLE: Duration = Duration::from_millis(500);

/// The environment variable for the greatest number of threads.
const MOST_VARIABLE: &str = "BLOCKING_MAX_THREADS";

/// The default of that variable.
const MOST: usize = 500;

static POOL: Pool = Pool {
    queue: Mutex::new(Queue {
        jobs: VecDeque::new(),
        threads: 0,
        free: 0,
        waits_since: None,
    }),
    submitted: Condvar::new(),
};

struct Pool {
    /// The jobs and the number of threads.
    queue: Mutex<Queue>,
    /// Notified when a job was queued for a free thread.
    submitted: Condvar,
}

/// What the threads share. Invariant: a job is queued only while a thread exists.
struct Queue {
    /// The jobs that no thread has taken.
    jobs: VecDeque<Task>,
    /// How many threads exist.
    threads: usize,
    /// How many of them have no job: they wait for one, or have just been started.
    free: usize,
    /// Since when jobs wait and no thread takes one.
    waits_since: Option<Instant>,
}

/// Whether a job waits because no thread is free.
static WAITS: AtomicBool = AtomicBool::new(false);

/// The jobs that no thread takes.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub(crate) jobs: usize,
    pub(crate) threads: usize,
}

/// Returns `true` if a function waits because no thread is free.
pub(crate) fn is_waited_for() -> bool {
    WAITS.load(Ordering::Relaxed)
}

/// Returns the functions that wait, if no thread has taken one for `delay`; once in that time.
pub(crate) fn backlog_of(delay: Duration) -> Option<Backlog> {
    let mut queue = POOL.lock();
    if queue
        .waits_since
        .is_none_or(|since| since.elapsed() < delay)
    {
        return None;
    }
    queue.waits_since = Some(Instant::now() + 1000 * delay);
    Some(Backlog {
        jobs: queue.jobs.len(),
        threads: queue.threads,
    })
}

impl Queue {
    /// Records that a job waits, unless one waits already.
    fn note_first_waiting(&mut self) {
        if self.waits_since.is_none() {
            self.note_waiting();
        }
    }

    /// Records that jobs wait for a thread, or that none does.
    fn note_waiting(&mut self) {
        let waits = self.jobs.len() > self.free;
        self.waits_since = waits.then(Instant::now);
        WAITS.store(waits, Ordering::Relaxed);
    }
}

/// Runs `job` on a thread of the pool.
///
/// # Errors
/// Fails if no thread exists and the system refuses to start one. The job has been dropped then.
pub(super) fn submit(job: Task) -> io::Result<()> {
    POOL.submit(job)
}

impl Pool {
    /// Locks the queue. No user code runs under the lock, so no panic can leave it half changed.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `job`, and starts a thread if no free one is left for it.
    fn submit(&'static self, job: Task) -> io::Result<()> {
        let mut queue = self.lock();
        queue.jobs.push_back(job);
        if queue.jobs.len() <= queue.free {
            drop(queue);
            self.submitted.notify_one();
            return Ok(());
        }
        if queue.threads >= *LIMIT {
            queue.note_first_waiting();
            return Ok(());
        }
        // Under the lock, so that no other job is queued for this thread before the system may
        // refuse it.
        match self.start() {
            Ok(()) => {
                queue.threads += 1;
                queue.free += 1;
                Ok(())
            }
            Err(_) if queue.threads > 0 => {
                queue.note_first_waiting();
                Ok(())
            }
            Err(error) => {
                let refused = queue.jobs.pop_back();
                drop(queue);
                drop_quietly(refused);
                Err(error)
            }
        }
    }

    fn start(&'static self) -> io::Result<()> {
        // Linux shows 15 characters of a name.
        let thread = thread::Builder::new().name("wheelhouse-pool".into());
        thread.spawn(|| self.run()).map(drop)
    }

    /// Runs jobs on this thread until there is none for [`IDLE`].
    fn run(&self) {
        shed_inheritance();
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.free -= 1;
                if queue.waits_since.is_some() {
                    queue.note_waiting();
                }
                drop(queue);
                caught(job).unwrap_or_else(drop_quietly);
                queue = self.lock();
                queue.free += 1;
                continue;
            }
            let waited = self.submitted.wait_timeout(queue, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if timeout.timed_out() && queue.jobs.is_empty() {
                queue.free -= 1;
                queue.threads -= 1;
                return;
            }
        }
    }
}

/// The greatest number of threads of this process.
static LIMIT: LazyLock<usize> = LazyLock::new(|| {
    let asked = std::env::var(MOST_VARIABLE).ok();
    let asked = asked.and_then(|text| text.parse().ok());
    asked.map_or(MOST, |asked: usize| asked.clamp(1, 10_000))
});
