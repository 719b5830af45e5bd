//! A pipeline: a reader, workers and a writer, joined by bounded queues.
//!
//! Each queue holds a few items and no more. Who is faster than the next stage waits for it (back-pressure), so memory
//! stays small however many files there are. When the reader is done it closes its queue; the workers drain it and
//! end; then the second queue is closed, and the writer drains that.
//!
//! In asyncio this is `asyncio.Queue(maxsize)` and, since 3.13, `queue.shutdown()`.

mod arguments;

use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::{process::ExitCode, time::Duration};
use wheelhouse::sync::Queue;
use wheelhouse::{GroupError, run, sleep, task_group, time};

const USAGE: &str = "\
usage: pipeline [ITEMS [WORKERS [ROOM]]]

Takes ITEMS items through three stages: a reader that is fast, WORKERS workers that
take 5 ms each, and a writer. Between them are queues for ROOM items each. Shows a
progress bar on a terminal, lines elsewhere; then what each stage waited for.

  ITEMS       how many items; 400 if not given
  WORKERS     how many workers, at least 1; 8 if not given
  ROOM        how many items a queue holds, at least 1; 4 if not given
  -h, --help  print this text";

/// What the arguments say.
#[derive(Clone, Copy)]
struct Settings {
    items: u64,
    workers: usize,
    room: usize,
}

/// What happened.
#[derive(Default)]
struct Report {
    /// How often the reader found no room.
    reader_waited: Cell<u64>,
    /// The most items there were between the stages.
    most_waiting: Cell<usize>,
    /// The sum of all results.
    sum: Cell<u64>,
}

/// One item's work: it takes its time, as a database would.
async fn work(item: u64) -> u64 {
    sleep(Duration::from_millis(5)).await;
    item * item
}

async fn pipeline(
    settings: Settings,
    progress: &Progress,
) -> Result<Report, GroupError<Infallible>> {
    let (jobs, results) = (Queue::bounded(settings.room), Queue::bounded(settings.room));
    let report = Report::default();
    task_group(async |stages| {
        stages.spawn(async {
            for item in 1..=settings.items {
                if jobs.is_full() {
                    report.reader_waited.set(report.reader_waited.get() + 1);
                }
                jobs.put(item).await.expect("the reader closes it");
            }
            jobs.close();
        });
        stages.spawn(async {
            while let Ok(result) = results.get().await {
                let waiting = jobs.len() + results.len();
                report
                    .most_waiting
                    .set(report.most_waiting.get().max(waiting));
                report.sum.set(report.sum.get() + result);
                progress.advance();
            }
        });
        let workers = task_group(async |workers| {
            for _ in 0..settings.workers {
                workers.spawn(async {
                    while let Ok(item) = jobs.get().await {
                        let result = work(item).await;
                        results.put(result).await.expect("closed after the workers");
                    }
                });
            }
        });
        let worked: Result<(), GroupError<Infallible>> = workers.await;
        // All workers have gone: the writer may end when it has drained the queue.
        results.close();
        worked.expect("no worker fails");
    })
    .await?;
    Ok(report)
}

/// Shows how far it got: a bar on a terminal, a line for each tenth elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    done: Cell<u64>,
    items: u64,
}

impl Progress {
    fn new(items: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} items, {eta} left");
            ProgressBar::new(items).with_style(style.expect("the template is right"))
        });
        Self {
            bar,
            done: Cell::new(0),
            items,
        }
    }

    fn advance(&self) {
        let done = self.done.get() + 1;
        self.done.set(done);
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if done * 10 / self.items > (done - 1) * 10 / self.items => {
                println!("{done} of {} items", self.items);
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A number of at least `least`.
fn number(text: &str, least: u64) -> Option<u64> {
    text.parse().ok().filter(|&number| number >= least)
}

/// What the arguments say, or what is wrong with them.
fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let [items, workers, room] = match *arguments {
        [] => ["400", "8", "4"],
        [items] => [items, "8", "4"],
        [items, workers] => [items, workers, "4"],
        [items, workers, room] => [items, workers, room],
        _ => return Err("more than three arguments".to_owned()),
    };
    let items = number(items, 0).ok_or(format!("not a number of items: {items}"))?;
    let workers = number(workers, 1).ok_or(format!("not a number of workers: {workers}"))?;
    let room = number(room, 1).ok_or(format!("not a number of items to hold: {room}"))?;
    Ok(Settings {
        items,
        workers: usize::try_from(workers).map_err(|_| "too many workers")?,
        room: usize::try_from(room).map_err(|_| "too much room")?,
    })
}

/// Runs the pipeline and reports.
fn show(settings: Settings) -> Result<(), String> {
    let progress = Progress::new(settings.items);
    let (report, took) = run(async {
        let start = time::now();
        let report = pipeline(settings, &progress).await;
        (report, time::now() - start)
    });
    progress.finish();
    let report = report.map_err(|error| error.to_string())?;
    let Settings {
        items,
        workers,
        room,
    } = settings;
    println!(
        "{items} items by {workers} workers in {took:.1?}, the sum {}",
        report.sum.get()
    );
    println!(
        "the reader waited for room {} times",
        report.reader_waited.get()
    );
    println!(
        "at most {} items waited in two queues for {room}",
        report.most_waiting.get()
    );
    Ok(())
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, show)
}
