//! Watches a directory with inotify: a descriptor that the crate has no type for.
//!
//! `net::Registered` waits until the descriptor is readable; the events are read by the library
//! that knows them, which is not asynchronous. In asyncio this is `loop.add_reader`.

mod arguments;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::{io, process::ExitCode};
use wheelhouse::net::Registered;

const USAGE: &str = "\
usage: watch_directory DIRECTORY [COUNT]

Prints which files in DIRECTORY are created, changed, moved or deleted, one line each.

  DIRECTORY   the directory; its subdirectories are not watched
  COUNT       the number of lines after which it ends; by default it runs until it is killed
  -h, --help  print this text";

struct Settings {
    directory: PathBuf,
    count: u64,
}

/// The events, and their names in the output.
const EVENTS: [(WatchFlags, ReadFlags, &str); 5] = [
    (WatchFlags::CREATE, ReadFlags::CREATE, "created"),
    (WatchFlags::CLOSE_WRITE, ReadFlags::CLOSE_WRITE, "written"),
    (WatchFlags::MOVED_FROM, ReadFlags::MOVED_FROM, "moved away"),
    (WatchFlags::MOVED_TO, ReadFlags::MOVED_TO, "moved here"),
    (WatchFlags::DELETE, ReadFlags::DELETE, "deleted"),
];

fn describe(flags: ReadFlags) -> Option<&'static str> {
    let event = EVENTS.iter().find(|(_, flag, _)| flags.contains(*flag));
    event.map(|(_, _, name)| *name)
}

async fn watch(directory: &Path, count: u64) -> io::Result<()> {
    let flags = EVENTS
        .iter()
        .fold(WatchFlags::ONLYDIR, |all, event| all | event.0);
    let watch = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, directory, flags)?;
    let watch = Registered::new(watch)?;
    println!("watching {}", directory.display());
    let mut printed = 0;
    while printed < count {
        watch.readable().await?;
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut space);
        // Until nothing is left: the read that finds nothing is an error, `EAGAIN`.
        while printed < count
            && let Ok(event) = events.next()
        {
            let name = event.file_name().map(|name| name.to_string_lossy());
            if let (Some(what), Some(name)) = (describe(event.events()), name) {
                println!("{what}: {name}");
                printed += 1;
            }
        }
    }
    Ok(())
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let (directory, count) = match *arguments {
        [] => return Err("DIRECTORY is required".to_owned()),
        [directory] => (directory, Ok(u64::MAX)),
        [directory, count] => (directory, count.parse()),
        _ => return Err("more than two arguments".to_owned()),
    };
    let count = count.map_err(|_| format!("COUNT must be a number, not `{}`", arguments[1]))?;
    if !Path::new(directory).is_dir() {
        return Err(format!("not a directory: {directory}"));
    }
    let directory = directory.into();
    Ok(Settings { directory, count })
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, |Settings { directory, count }| {
        let watched = wheelhouse::run(watch(&directory, count));
        watched.map_err(|error| format!("{}: {error}", directory.display()))
    })
}
