//! Facts about signals that only the C library knows. An unsafe module: it calls `libc`, and
//! changes no state.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use rustix::process::Signal;

/// Returns `true` if the process neither ignores nor catches a signal.
///
/// # Errors
/// If there is no such signal, or the C library reserves it.
pub(crate) fn has_default_action(signal: i32) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action this only writes the present one to `action`, which is large
    // enough.
    let outcome = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `sigaction` succeeded, so it has initialized `action`.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_DFL)
}

/// Returns the signal with a number, if it has a name or is a real-time signal that the C library
/// does not reserve.
pub(crate) fn signal_of(number: i32) -> Option<Signal> {
    let is_real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number);
    match Signal::from_named_raw(number) {
        // SAFETY: the number is not zero, and the C library reserves no signal of this range.
        None if is_real_time => Some(unsafe { Signal::from_raw_unchecked(number) }),
        named => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_or_caught_does_not_have_its_default_action() {
        assert!(
            !has_default_action(libc::SIGPIPE).unwrap(),
            "Rust ignores it"
        );
        let is_caught = !has_default_action(libc::SIGSEGV).unwrap();
        assert!(is_caught, "Rust catches it, for overflows of the stack");
        assert!(has_default_action(libc::SIGWINCH).unwrap());
        assert!(has_default_action(libc::SIGRTMAX()).unwrap());
    }

    #[test]
    fn no_signal_has_an_action_where_there_is_none() {
        for number in [-1, 0, 32, 33, 65, i32::MAX] {
            has_default_action(number).unwrap_err();
        }
    }

    #[test]
    fn numbers_are_signals_but_for_those_of_the_c_library() {
        let known = (-70..70).filter(|number| signal_of(*number).is_some());
        let known: Vec<_> = known.collect();
        let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
        assert_eq!(known, (1..=31).chain(real_time).collect::<Vec<_>>());
        for number in known {
            assert_eq!(signal_of(number).unwrap().as_raw(), number);
        }
    }
}
