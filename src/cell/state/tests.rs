//! Every word that a task can have, and what holds for it.

use super::*;

/// Every word that a task can have.
fn reachable() -> Vec<State> {
    let mut seen = vec![State::spawned(true), State::spawned(false), State::main()];
    let mut next = 0;
    while next < seen.len() {
        for state in successors(seen[next]) {
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
        next += 1;
    }
    seen
}

fn successors(state: State) -> Vec<State> {
    let mut all = vec![
        state.wake().0,
        state.request_cancel().0,
        state.take_cancel(),
    ];
    if state.has_handle() {
        all.push(state.drop_handle().0);
        if state.has_output() {
            all.push(state.take_output());
        }
    }
    if !state.is_done() {
        all.push(state.finish().0);
        all.extend([state.into_child(), state.with_vars()]);
        if state.is_running() && state.has(CARRIES) {
            all.extend([state.end_carrying(), state.begin_draining()]);
        } else if state.is_running() {
            all.extend([state.suspend().0, state.begin_draining()]);
        } else if state.is_scheduled() {
            all.push(state.start());
        }
        if state.can_carry() {
            all.push(state.start_carrying());
        }
    }
    all
}

#[test]
fn a_plain_turn_starts_as_any_other_and_is_not_that_of_a_main_future() {
    for state in reachable() {
        if let Some(started) = state.start_if_plain() {
            assert_eq!(started, state.start());
            assert!(!state.is_main_to_poll(), "{state:?}");
        }
    }
}

#[test]
fn a_done_task_is_never_scheduled_running_or_cancelled() {
    for state in reachable().into_iter().filter(|state| state.is_done()) {
        assert!(!state.is_scheduled() && !state.is_running() && !state.cancel_waits());
        assert_eq!(state.wake(), (state, OnWake::Nothing));
        assert_eq!(state.request_cancel(), (state, OnCancel::Refuse));
    }
}

#[test]
fn output_lies_in_the_cell_only_for_a_handle_and_after_the_end() {
    for state in reachable().into_iter().filter(|state| state.has_output()) {
        assert!(state.is_done() && state.has_handle(), "{state:?}");
    }
}

#[test]
fn a_wake_enqueues_exactly_when_the_task_rests() {
    for state in reachable() {
        let is_polled = state.is_running() && !state.has(CARRIES);
        let rests = !state.is_done() && !is_polled && !state.is_scheduled();
        let (after, duty) = state.wake();
        assert_eq!(duty == OnWake::Enqueue, rests, "{state:?}");
        assert_eq!(
            after.wake(),
            (after, OnWake::Nothing),
            "a second wake does nothing"
        );
    }
}

/// Nothing suspends a task that is not being polled. If something did, the word would stay as it
/// is, also after the end.
#[test]
fn a_suspend_without_a_poll_changes_nothing() {
    for state in reachable().into_iter().filter(|state| !state.is_running()) {
        let (after, duty) = state.suspend();
        assert_eq!(after, state);
        assert_eq!(duty == OnSuspend::Requeue, state.is_scheduled());
    }
}

/// What must not come to pass panics in release builds, too.
fn panics<T>(f: impl FnOnce() -> T + std::panic::UnwindSafe) -> bool {
    std::panic::catch_unwind(f).is_err()
}

#[test]
fn nothing_is_polled_twice_at_once_or_after_its_end_and_nothing_ends_twice() {
    for state in reachable() {
        let may_start = !state.is_done() && !state.is_running();
        assert_eq!(panics(|| state.start()), !may_start, "{state:?}");
        assert_eq!(panics(|| state.finish()), state.is_done(), "{state:?}");
        assert_eq!(
            panics(|| state.begin_draining()),
            !state.is_running(),
            "{state:?}"
        );
        assert_eq!(panics(|| state.start_carrying()), !may_start, "{state:?}");
    }
}

#[test]
fn a_wake_while_running_requeues() {
    let running = State::spawned(true).start();
    assert_eq!(running.suspend().1, OnSuspend::Rest);
    assert_eq!(running.wake().0.suspend().1, OnSuspend::Requeue);
}

#[test]
fn a_carrier_keeps_its_place_in_the_queue_and_can_be_given_one() {
    for state in reachable().into_iter().filter(|state| state.can_carry()) {
        let carrying = state.start_carrying();
        assert_eq!(carrying.end_carrying(), state, "{state:?}");
        let woken = carrying.wake().0;
        assert_eq!(woken.end_carrying(), state.suppress_wakes(), "{state:?}");
        assert!(!carrying.can_carry(), "only one poll at a time");
    }
}

#[test]
fn only_a_task_that_is_being_polled_carries() {
    for state in reachable().into_iter().filter(|state| state.has(CARRIES)) {
        assert!(state.is_running() && !state.is_done() && !state.is_draining());
    }
}

#[test]
fn the_result_goes_to_the_handle_if_there_is_one() {
    for state in reachable().into_iter().filter(|state| !state.is_done()) {
        let (after, duty) = state.finish();
        assert_eq!(duty == OnFinish::Deliver, state.has_handle());
        assert_eq!(after.has_output(), state.has_handle());
    }
}

#[test]
fn several_requests_to_cancel_are_one() {
    for state in reachable().into_iter().filter(|state| !state.is_done()) {
        let (after, _) = state.request_cancel();
        assert_eq!(after.request_cancel(), (after, OnCancel::Merge));
        assert!(!after.take_cancel().cancel_waits());
    }
}

#[test]
fn the_last_of_task_and_handle_frees_the_task() {
    for state in reachable().into_iter().filter(|state| state.has_handle()) {
        let (after, duty) = state.drop_handle();
        assert!(!after.has_handle() && !after.has_output());
        assert_eq!(duty == OnHandleGone::Detach, !state.is_done());
        assert_eq!(
            duty == OnHandleGone::DropOutputAndGiveUp,
            state.has_output()
        );
    }
}
