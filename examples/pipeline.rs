//! A pipeline: a reader, workers and a writer, connected by bounded queues.
//!
//! A stage that is faster than the next one waits for it (back-pressure), so the program uses
//! little memory however many items there are. When the reader is done, it closes its queue. The
//! workers take the remaining items and end. Then the second queue is closed, and the writer does
//! the same.
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
usage: pipeline [ITEMS [WORKERS [CAPACITY]]]

Passes ITEMS items through three stages: a fast reader, WORKERS workers that need 5 ms per
item, and a writer. The queues between them hold CAPACITY items each. Shows a progress bar
on a terminal, or lines elsewhere, and in the end how often the reader had to wait.

  ITEMS       the number of items; the default is 400
  WORKERS     the number of workers, at least 1; the default is 8
  CAPACITY    the number of items that a queue holds, at least 1; the default is 4
  -h, --help  print this text";

#[derive(Clone, Copy)]
struct Settings {
    items: u64,
    workers: usize,
    capacity: usize,
}

/// The result of a run.
#[derive(Default)]
struct Report {
    /// How often the reader found the queue full.
    reader_waited: Cell<u64>,
    /// The greatest number of items in both queues.
    most_waiting: Cell<usize>,
    /// The sum of all results.
    sum: Cell<u64>,
}

/// Processes one item.
async fn work(item: u64) -> u64 {
    sleep(Duration::from_millis(5)).await;
    item * item
}

async fn pipeline(
    settings: Settings,
    progress: &Progress,
) -> Result<Report, GroupError<Infallible>> {
    let (jobs, results) = (
        Queue::bounded(settings.capacity),
        Queue::bounded(settings.capacity),
    );
    let report = Report::default();
    task_group(async |stages| {
        stages.spawn(async {
            for item in 1..=settings.items {
                if jobs.is_full() {
                    report.reader_waited.set(report.reader_waited.get() + 1);
                }
                jobs.put(item)
                    .await
                    .expect("only the reader closes this queue");
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
                        results
                            .put(result)
                            .await
                            .expect("this queue is closed after the workers have ended");
                    }
                });
            }
        });
        let worked: Result<(), GroupError<Infallible>> = workers.await;
        // All workers have ended: the writer takes the remaining results and ends.
        results.close();
        worked.expect("no worker fails");
    })
    .await?;
    Ok(report)
}

/// Shows the progress: a bar on a terminal, or a line for each tenth elsewhere.
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

/// Parses a number that is at least `least`.
fn number(text: &str, least: u64) -> Option<u64> {
    text.parse().ok().filter(|&number| number >= least)
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let [items, workers, capacity] = match *arguments {
        [] => ["400", "8", "4"],
        [items] => [items, "8", "4"],
        [items, workers] => [items, workers, "4"],
        [items, workers, capacity] => [items, workers, capacity],
        _ => return Err("more than three arguments".to_owned()),
    };
    let items = number(items, 0).ok_or(format!("ITEMS must be a number, not `{items}`"))?;
    let workers =
        number(workers, 1).ok_or(format!("WORKERS must be a number above 0, not `{workers}`"))?;
    let capacity = number(capacity, 1).ok_or(format!(
        "CAPACITY must be a number above 0, not `{capacity}`"
    ))?;
    Ok(Settings {
        items,
        workers: usize::try_from(workers).map_err(|_| "WORKERS is too large")?,
        capacity: usize::try_from(capacity).map_err(|_| "CAPACITY is too large")?,
    })
}

/// Runs the pipeline and prints the result.
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
        capacity,
    } = settings;
    println!(
        "{items} items by {workers} workers in {took:.1?}, the sum {}",
        report.sum.get()
    );
    println!(
        "the reader waited for capacity {} times",
        report.reader_waited.get()
    );
    println!(
        "at most {} items waited in two queues with a capacity of {capacity}",
        report.most_waiting.get()
    );
    Ok(())
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, show)
}
