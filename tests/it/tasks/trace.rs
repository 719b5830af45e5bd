//! The trace of events: order, moments, and what it says when they are not as expected.

use std::time::Duration;

use crate::common::{panic_text, panics_saying};
use wheelhouse::testing::{self, Trace, cancel_at_every_step};
use wheelhouse::{gather, run, sleep, spawn, yield_now};

#[test]
fn clones_share_the_events_and_expect_forgets_them() {
    testing::run(async {
        let trace = Trace::new();
        let say_after = async |seconds, name: &str| {
            sleep(Duration::from_secs(seconds)).await;
            trace.clone().note(name);
        };
        gather((say_after(2, "two"), say_after(1, "one"))).await;
        trace.expect(["one", "two"]);
        trace.expect::<&str>([]);
    });
}

#[test]
fn a_trace_that_is_not_as_expected_is_shown_beside_it_with_the_virtual_moments() {
    let text = panic_text(|| {
        let trace = Trace::new();
        trace.note("made");
        testing::run(async {
            trace.note("begun");
            sleep(Duration::from_millis(1500)).await;
            trace.note("an hour later");
            trace.expect(["made", "begun", "ended", "gone"]);
        });
    });
    let expected = "\
the trace is not as expected:
            at  noted          expected
             -  made           made
           0ns  begun          begun
!         1.5s  an hour later  ended
!               (nothing)      gone";
    assert_eq!(text, expected);
    panics_saying(&["(nothing)"], || Trace::new().expect(["something"]));
    panics_saying(&["(nothing)"], || {
        let trace = Trace::new();
        trace.note("too much");
        trace.expect::<&str>([]);
    });
}

#[test]
fn a_note_on_drop_comes_with_the_drop_and_the_moment_of_it() {
    testing::run(async {
        let trace = Trace::new();
        let note = trace.note_on_drop("gone");
        sleep(Duration::from_secs(3)).await;
        assert!(trace.take().is_empty());
        drop(note);
        let (at, name) = trace.take_timed().remove(0);
        assert_eq!((at.as_secs(), &*name), (3, "gone"));
    });
}

#[test]
fn a_trace_is_shown_line_by_line() {
    let trace = Trace::new();
    trace.note("outside");
    testing::run(async { trace.note("inside") });
    run(async { trace.note("on the machine's clock") });
    let text = trace.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..2],
        ["           -  outside", "         0ns  inside"]
    );
    assert!(lines[2].ends_with("s  on the machine's clock"), "{text}");
    assert_eq!(
        format!("{trace:?}"),
        r#"["outside", "inside", "on the machine's clock"]"#
    );
}

#[test]
fn effects_of_a_cancelled_future_are_reported_with_location_step_and_mode() {
    let steps = cancel_at_every_step(|| async {
        yield_now().await;
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(steps, 2);
    assert_eq!(cancel_at_every_step(|| async {}), 0);
    let leaves_a_task = || async {
        yield_now().await;
        drop(spawn(sleep(Duration::from_secs(60))));
        yield_now().await;
    };
    let text = panic_text(|| cancel_at_every_step(leaves_a_task));
    let begins = format!("the future at {}:", file!());
    assert!(text.starts_with(&begins), "{text}");
    assert!(
        text.contains(", Cancel at suspension 2: a task lives on: [TaskInfo"),
        "{text}"
    );
    panics_saying(&["Cancel at suspension 1: ", "on purpose"], || {
        cancel_at_every_step(|| async { panic!("on purpose") });
    });
}
