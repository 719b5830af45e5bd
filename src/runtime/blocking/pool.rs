//! The threads that run functions which block: one pool for the process.
//!
//! ```text
//!            a thread is free
//!   submit ─┬─────────────────────────▶ queued ── a thread takes the job ──▶ run
//!           ├─ the pool is full ──────▶ queued
//!           └─ a thread is started ─┬─▶ queued
//!                refused by the     ├─ other threads exist ──▶ queued for them
//!                system             └─ none exists ──▶ the job is dropped, the caller gets the error
//!
//!   thread:  started ──▶ free ── takes a job ──▶ busy ── the job returned ──▶ free ── no job for IDLE ──▶ ended
//! ```
//!
//! Why not a crate: `blocking` 1.7 starts a thread in a loop until it succeeds, and so spins where the
//! system has none (its issue 79). Its threads, and those of other pools, also inherit the CPU affinity
//! and the timer slack of the thread that happened to start them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::inheritance::shed_inheritance;
use crate::util::{caught, drop_quietly};

/// A function to run.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// How long a thread stays without a job.
const IDLE: Duration = Duration::from_millis(500);

/// The environment variable that sets the highest number of threads.
const MOST_VARIABLE: &str = "BLOCKING_MAX_THREADS";

/// The highest number of threads, unless that variable says otherwise.
const MOST: usize = 500;

/// The pool.
static POOL: Pool = Pool {
    queue: Mutex::new(Queue {
        jobs: VecDeque::new(),
        threads: 0,
        free: 0,
    }),
    submitted: Condvar::new(),
};

/// A pool of threads.
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
}

/// Runs `job` on a thread of the pool.
///
/// # Errors
/// When no thread exists and the system refuses to start one. The job has then been dropped uncalled.
pub(super) fn submit(job: Task) -> io::Result<()> {
    POOL.submit(job)
}

impl Pool {
    /// The queue, which no panic can leave half-changed: no user code runs under the lock.
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
            return Ok(());
        }
        // Under the lock: a job that is queued in reliance on this thread must not be left alone when
        // the system refuses it.
        match self.start() {
            Ok(()) => {
                queue.threads += 1;
                queue.free += 1;
                Ok(())
            }
            Err(_) if queue.threads > 0 => Ok(()),
            Err(error) => {
                let refused = queue.jobs.pop_back();
                drop(queue);
                drop_quietly(refused);
                Err(error)
            }
        }
    }

    /// Starts a thread.
    fn start(&'static self) -> io::Result<()> {
        // The name is as long as Linux shows one.
        let thread = thread::Builder::new().name("wheelhouse-pool".into());
        thread.spawn(|| self.run()).map(drop)
    }

    /// Runs jobs on this thread until there was none for [`IDLE`].
    fn run(&self) {
        shed_inheritance();
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.free -= 1;
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

/// The highest number of threads of this process.
static LIMIT: LazyLock<usize> = LazyLock::new(|| {
    let asked = std::env::var(MOST_VARIABLE).ok();
    let asked = asked.and_then(|text| text.parse().ok());
    asked.map_or(MOST, |asked: usize| asked.clamp(1, 10_000))
});
