//! The runtime as an event source of calloop, the event loop of winit and of Wayland clients.
//!
//! calloop owns the thread and calls back: for its own timer, which stands for the frames of a
//! window, and when the runtime has something to do. The program's state is shared by callbacks and
//! tasks, without locks.
//!
//! ```sh
//! cargo run -p wheelhouse-ecosystem --example calloop
//! ```

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, LoopHandle, Mode, PostAction};
use wheelhouse::sync::Event;
use wheelhouse::{Runtime, Turn, finally, sleep, spawn};

const USAGE: &str = "\
usage: calloop [--help]

Draws frames in calloop while a task downloads; then the program shuts down, and the task cleans up
with the help of the loop.";

const FRAME: Duration = Duration::from_millis(16);

/// What callbacks and tasks share.
#[derive(Default)]
struct Window {
    frames: Cell<u32>,
    downloaded: Cell<u32>,
    is_saved: Event,
}

/// The data of the callbacks.
struct Program {
    runtime: Rc<Runtime>,
    window: Rc<Window>,
    is_done: bool,
}

/// Adds the runtime to the loop.
fn insert_runtime(
    handle: &LoopHandle<'_, Program>,
    runtime: &Rc<Runtime>,
) -> Result<(), Box<dyn Error>> {
    let source = Generic::new(Rc::clone(runtime), Interest::READ, Mode::Level);
    handle.insert_source(source, |_, _, program| {
        let turn = program.runtime.turn(Some(Duration::ZERO));
        program.is_done = turn == Turn::Done;
        Ok(PostAction::Continue)
    })?;
    Ok(())
}

/// Adds a timer that draws a frame each time.
fn insert_frames(handle: &LoopHandle<'_, Program>) -> Result<(), Box<dyn Error>> {
    handle.insert_source(Timer::from_duration(FRAME), |_, (), program| {
        let window = &program.window;
        window.frames.set(window.frames.get() + 1);
        match window.frames.get() {
            5 => {
                println!("frame 5: {} parts, close", window.downloaded.get());
                program.runtime.start_shutdown();
            }
            8 => {
                println!("frame 8: saved");
                window.is_saved.set();
            }
            _ => {}
        }
        TimeoutAction::ToDuration(FRAME)
    })?;
    Ok(())
}

/// The task: its clean-up waits until the loop has drawn another frame.
async fn download(window: Rc<Window>) {
    let work = async {
        loop {
            sleep(Duration::from_millis(1)).await;
            window.downloaded.set(window.downloaded.get() + 1);
        }
    };
    let clean_up = async {
        window.is_saved.wait().await;
        println!("cleaned up");
    };
    finally(work, clean_up).await
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut event_loop = EventLoop::try_new()?;
    let mut program = Program {
        runtime: Rc::new(Runtime::new()?),
        window: Rc::default(),
        is_done: false,
    };
    insert_runtime(&event_loop.handle(), &program.runtime)?;
    insert_frames(&event_loop.handle())?;
    let window = Rc::clone(&program.window);
    program.runtime.enter(|| spawn(download(window)));
    while !program.is_done {
        event_loop.dispatch(None, &mut program)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    if env::args_os().len() > 1 {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calloop: {error}");
            ExitCode::FAILURE
        }
    }
}
