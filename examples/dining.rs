//! The dining philosophers: a deadlock, and its report.
//!
//! Each philosopher takes the fork at the left and then the one at the right. In the end, each
//! holds one fork and waits for the next one. On virtual time this is detected at once:
//! `testing::run` fails with a report of which task holds and waits for what, and of the cycle.
//! `--fixed` shows the usual solution: every philosopher takes the fork with the lower number
//! first.

mod arguments;

use std::panic::{self, AssertUnwindSafe};
use std::{process::ExitCode, rc::Rc, time::Duration};
use wheelhouse::sync::Lock;
use wheelhouse::{sleep, task, testing, time};

const USAGE: &str = "\
usage: dining [--fixed] [--philosophers N]

Lets N philosophers dine at a table with N forks. Each takes the fork at the left, thinks for
a second, takes the fork at the right and eats. So all of them wait forever, and the program
prints the report of the deadlock. Time is virtual: no second really passes.

  --fixed           every philosopher takes the fork with the lower number first, so all eat
  --philosophers N  the number of philosophers, from 2 to 1000; the default is 5
  -h, --help        print this text";

#[derive(Clone, Copy)]
struct Settings {
    fixed: bool,
    philosophers: usize,
}

async fn dine(number: usize, first: Rc<Lock<()>>, second: Rc<Lock<()>>) {
    let start = time::now();
    let _first = first.lock().await;
    sleep(Duration::from_secs(1)).await; // thinks, while the others take a fork
    let _second = second.lock().await;
    sleep(Duration::from_secs(1)).await;
    let took = time::now() - start; // by the virtual clock
    println!("philosopher {number} has eaten after {took:?}");
}

async fn dinner(settings: Settings) {
    let count = settings.philosophers;
    let forks: Vec<_> = (0..count)
        .map(|number| Rc::new(Lock::new(()).named(format!("fork {number}"))))
        .collect();
    let philosophers = (0..count).map(|number| {
        let (left, right) = (number, (number + 1) % count);
        let (first, second) = if settings.fixed {
            (left.min(right), left.max(right))
        } else {
            (left, right)
        };
        let dinner = dine(number, Rc::clone(&forks[first]), Rc::clone(&forks[second]));
        let name = format!("philosopher {number}");
        task::Builder::new().name(name).spawn(dinner)
    });
    let philosophers: Vec<_> = philosophers.collect();
    for philosopher in philosophers {
        philosopher.await.expect("no task is cancelled");
    }
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings {
        fixed: false,
        philosophers: 5,
    };
    let mut arguments = arguments.iter();
    while let Some(&argument) = arguments.next() {
        match argument {
            "--fixed" => settings.fixed = true,
            "--philosophers" => {
                let number = arguments.next().copied().unwrap_or_default();
                settings.philosophers = match number.parse() {
                    Ok(count @ 2..=1000) => count,
                    _ => {
                        return Err(format!(
                            "--philosophers takes a number from 2 to 1000, not `{number}`"
                        ));
                    }
                };
            }
            other => return Err(format!("`{other}` is not an option of this program")),
        }
    }
    Ok(settings)
}

/// Runs the dinner, and prints the report of the deadlock if there is one.
fn show(settings: Settings) -> Result<(), String> {
    // In a test, the panic would fail the test. Here its message, the report, is printed.
    panic::set_hook(Box::new(|_| ()));
    let run = || testing::run(dinner(settings));
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => println!("all have eaten"),
        Err(panic) => {
            let report = panic
                .downcast_ref::<String>()
                .map_or("a panic", String::as_str);
            println!("{report}\n");
            println!(
                "Each philosopher holds the fork that the one before waits for, so none can ever eat."
            );
            println!("This is what the program demonstrates; `--fixed` shows a way out.");
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, show)
}
