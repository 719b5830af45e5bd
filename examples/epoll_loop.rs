//! An epoll loop written by hand drives the runtime by turns.
//!
//! The program belongs to the loop, as in a GUI or a game: it calls back for each line of standard
//! input, and takes a turn of the runtime when the runtime's descriptor is readable. In asyncio the
//! loop itself would have to be replaced.

mod arguments;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::{buffer::spare_capacity, io::read};
use std::io::{self, stdin};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;
use wheelhouse::{Runtime, Turn, catch_cancel, sleep, spawn};

const USAGE: &str = "\
usage: epoll_loop [--help]

Reads lines such as `500 tea` from standard input, a terminal or a pipe, and prints each text after
so many milliseconds. The line `quit` cancels the reminders that are left; the end of the input
waits for them.

  -h, --help  print this text";

const INPUT: u64 = 0;
const RUNTIME: u64 = 1;

/// The program of the other loop.
struct Reminders {
    runtime: Runtime,
    epoll: OwnedFd,
    /// The part of the last line that has been read.
    line: Vec<u8>,
    input_ended: bool,
}

impl Reminders {
    fn new() -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, stdin(), EventData::new_u64(INPUT), EventFlags::IN)?;
        // Level-triggered: while a turn has something to do, each wait returns at once.
        epoll::add(
            &epoll,
            &runtime,
            EventData::new_u64(RUNTIME),
            EventFlags::IN,
        )?;
        Ok(Self {
            runtime,
            epoll,
            line: Vec::new(),
            input_ended: false,
        })
    }

    /// The other loop.
    fn run(mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(8);
        // A loop with many events would take a turn only for an event of `RUNTIME`.
        while self.runtime.turn(Some(Duration::ZERO)) != Turn::Done || !self.input_ended {
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), None)?;
            if events.iter().any(|event| event.data.u64() == INPUT) {
                self.read_input()?;
            }
        }
        Ok(())
    }

    fn read_input(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let count = read(stdin(), &mut bytes)?;
        if count == 0 {
            return self.end_input();
        }
        self.line.extend_from_slice(&bytes[..count]);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.on_line(String::from_utf8_lossy(&line).trim())?;
        }
        Ok(())
    }

    /// The callback for a line. It runs outside of the runtime, which it enters to spawn a task.
    fn on_line(&mut self, line: &str) -> io::Result<()> {
        if line == "quit" {
            // The tasks clean up in the turns that follow.
            self.runtime.start_shutdown();
            return self.end_input();
        }
        match line
            .split_once(' ')
            .map(|(millis, text)| (millis.parse(), text))
        {
            Some((Ok(millis), text)) => {
                let text = text.to_owned();
                self.runtime.enter(|| spawn(remind(millis, text)));
                // So that a `quit` that is read with this line finds it waiting.
                self.runtime.turn(Some(Duration::ZERO));
            }
            _ => println!("write a number of milliseconds and a text, not `{line}`"),
        }
        Ok(())
    }

    fn end_input(&mut self) -> io::Result<()> {
        if !self.input_ended {
            epoll::delete(&self.epoll, stdin())?;
        }
        self.input_ended = true;
        Ok(())
    }
}

async fn remind(millis: u64, text: String) {
    match catch_cancel(sleep(Duration::from_millis(millis))).await {
        Ok(()) => println!("{text}"),
        Err(cancelled) => {
            println!("cancelled: {text}");
            cancelled.resume().await
        }
    }
}

fn settings(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] => Ok(()),
        [first, ..] => Err(format!("unknown argument: {first}")),
    }
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, |()| {
        let run = Reminders::new().and_then(Reminders::run);
        run.map_err(|error| error.to_string())
    })
}
