//! The dining philosophers: each takes the fork at their left, then the one at their right, and
//! in the end each holds one and waits for the next.
//!
//! On virtual time nobody has to wait to find out: as soon as nobody can go on, `testing::run`
//! ends with a report that says who holds what, who waits for whom, and where the circle is.
//! `--fixed` shows the usual way out: everybody takes the fork with the smaller number first.

mod arguments;

use std::panic::{self, AssertUnwindSafe};
use std::{process::ExitCode, rc::Rc, time::Duration};
use wheelhouse::sync::Lock;
use wheelhouse::{sleep, task, testing, time};

const USAGE: &str = "\
usage: dining [--fixed] [--philosophers N]

Sits N philosophers around a table with N forks. Each takes the fork at their left, thinks
for a second, takes the one at their right and eats: so they all wait for ever, and the
program shows the report of the deadlock. Time is virtual; nothing takes a second.

  --fixed           everybody takes the fork with the smaller number first, and all eat
  --philosophers N  how many, from 2 to 1000; 5 if not given
  -h, --help        print this text";

/// What the arguments say.
#[derive(Clone, Copy)]
struct Settings {
    fixed: bool,
    philosophers: usize,
}

/// One philosopher's dinner.
async fn dine(number: usize, first: Rc<Lock<()>>, second: Rc<Lock<()>>) {
    let start = time::now();
    let _first = first.lock().await;
    sleep(Duration::from_secs(1)).await; // a thought, and time for the others to take a fork
    let _second = second.lock().await;
    sleep(Duration::from_secs(1)).await;
    let took = time::now() - start; // by the virtual clock
    println!("philosopher {number} has eaten after {took:?}");
}

/// Dinner for all.
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
        philosopher.await.expect("nobody is cancelled");
    }
}

/// Reads the arguments; a message if they make no sense.
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
            other => return Err(format!("`{other}` is not an argument of this program")),
        }
    }
    Ok(settings)
}

/// Serves the dinner, or shows why nobody eats.
fn show(settings: Settings) -> Result<(), String> {
    // A test would let the panic fail it. Here the report is what is to be shown.
    panic::set_hook(Box::new(|_| ()));
    let run = || testing::run(dinner(settings));
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => println!("all have eaten"),
        Err(panic) => {
            let report = panic
                .downcast_ref::<String>()
                .map_or("a panic", String::as_str);
            println!("{report}\n");
            println!("Each holds the fork that the one before waits for, so nobody ever eats.");
            println!("That is what this program is for; `--fixed` shows a way out.");
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, show)
}
