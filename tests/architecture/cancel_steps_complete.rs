//! Everything of the crate that can be awaited is cut off at every step by some test: each public
//! `async fn`, and each public function that gives a future, stands in a list here with the file of
//! the scene that does so.
//!
//! Not seen: what implements only the traits of others (`AsyncRead`, `AsyncWrite`, `Stream`), the
//! `poll_*` functions, which are the same code as the future beside them, and methods that give a
//! future back with another setting.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::cut::without_tests;
use crate::source::{Token, files, tokens};

/// What is covered: a file of `src`, functions in it, and the file of `tests` in which scenes use
/// them.
const COVERED: &[(&str, &str, &str)] = &[
    (
        "combine/as_completed.rs",
        "next",
        "it/cancel_steps/combine.rs",
    ),
    ("combine/gather.rs", "gather", "it/cancel_steps/combine.rs"),
    (
        "combine/try_gather.rs",
        "try_gather",
        "it/cancel_steps/combine.rs",
    ),
    (
        "combine/wait.rs",
        "wait first_completed first_failed until",
        "it/cancel_steps/combine.rs",
    ),
    ("fs/calls.rs", "write", "it/cancel_steps/io.rs"),
    (
        "fs/file.rs",
        "create into_std metadata open set_len set_permissions sync_all sync_data",
        "it/cancel_steps/io.rs",
    ),
    ("group/builder.rs", "spawn", "it/cancel_steps/combine.rs"),
    (
        "group/mod.rs",
        "task_group spawn",
        "it/cancel_steps/combine.rs",
    ),
    (
        "net/address.rs",
        "lookup_host",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/copy.rs",
        "copy_bidirectional",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/pipe.rs",
        "open writable closed",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/readiness.rs",
        "readable writable async_io closed peek",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/registered.rs",
        "readable writable async_io",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/unix/ancillary.rs",
        "send_fds recv_fds",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "net/tcp/listener.rs",
        "bind accept",
        "resources/cancel_steps/sockets.rs",
    ),
    (
        "net/halves/borrowed.rs",
        "peek",
        "resources/cancel_steps/sockets.rs",
    ),
    (
        "net/halves/owned.rs",
        "peek",
        "resources/cancel_steps/sockets.rs",
    ),
    ("net/listen.rs", "next", "it/cancel_steps/io.rs"),
    ("net/tcp/socket.rs", "connect", "it/cancel_steps/io.rs"),
    (
        "net/udp.rs",
        "bind connect peek_from recv recv_from send send_to",
        "it/cancel_steps/io.rs",
    ),
    (
        "net/unix/datagram.rs",
        "recv recv_from send send_to",
        "it/cancel_steps/io.rs",
    ),
    (
        "net/unix/datagram.rs",
        "send_to_addr",
        "resources/cancel_steps/descriptors.rs",
    ),
    ("net/unix/listener.rs", "accept", "it/cancel_steps/io.rs"),
    (
        "net/unix/stream.rs",
        "connect connect_addr",
        "it/cancel_steps/io.rs",
    ),
    (
        "net/unix/stream.rs",
        "peek",
        "resources/cancel_steps/descriptors.rs",
    ),
    (
        "process/child.rs",
        "wait wait_with_output",
        "it/cancel_steps/io.rs",
    ),
    (
        "process/command.rs",
        "output status",
        "it/cancel_steps/io.rs",
    ),
    (
        "net/tcp/stream.rs",
        "connect peek",
        "resources/cancel_steps/sockets.rs",
    ),
    (
        "runtime/remote/mod.rs",
        "spawn call",
        "it/cancel_steps/tasks.rs",
    ),
    ("signal/listener.rs", "recv", "signals/cancel_steps.rs"),
    ("signal/waiter.rs", "ctrl_c", "signals/cancel_steps.rs"),
    ("sync/barrier.rs", "wait", "it/sync/locks/cut.rs"),
    ("sync/broadcast.rs", "recv", "it/sync/channels/broadcast.rs"),
    ("sync/condition.rs", "wait wait_for", "it/sync/locks/cut.rs"),
    ("sync/event.rs", "wait", "it/sync/locks/cut.rs"),
    ("sync/inbox.rs", "recv", "it/sync/channels/inbox.rs"),
    ("sync/lock.rs", "lock", "it/sync/locks/cut.rs"),
    ("sync/oneshot.rs", "closed", "it/sync/channels/oneshot.rs"),
    (
        "sync/queue/interface.rs",
        "get put join",
        "it/sync/queues/steps.rs",
    ),
    (
        "sync/rwlock/acquire.rs",
        "read write",
        "it/sync/locks/cut.rs",
    ),
    (
        "sync/semaphore/acquire.rs",
        "acquire acquire_many acquire_many_owned acquire_owned",
        "it/sync/locks/cut.rs",
    ),
    (
        "sync/watch.rs",
        "changed closed",
        "it/sync/channels/watch.rs",
    ),
    ("task/builder.rs", "spawn", "it/cancel_steps/tasks.rs"),
    (
        "task/catch.rs",
        "catch_cancel resume",
        "it/cancel_steps/tasks.rs",
    ),
    ("task/context_var.rs", "with", "signals/cancel_steps.rs"),
    (
        "task/handle.rs",
        "cancel_and_wait",
        "it/cancel_steps/tasks.rs",
    ),
    ("task/mod.rs", "spawn", "it/cancel_steps/tasks.rs"),
    (
        "task/shield.rs",
        "shield finally finally_with",
        "it/cancel_steps/tasks.rs",
    ),
    ("task/yield_now.rs", "yield_now", "it/cancel_steps/tasks.rs"),
    (
        "testing/mod.rs",
        "settle advance",
        "signals/cancel_steps.rs",
    ),
    ("testing/net/halves.rs", "peek", "it/cancel_steps/io.rs"),
    ("testing/net/host.rs", "connect", "it/sim_net/cut.rs"),
    ("testing/net/listener.rs", "accept", "it/sim_net/cut.rs"),
    (
        "testing/net/readiness.rs",
        "readable writable closed",
        "it/sim_net/cut.rs",
    ),
    ("testing/net/stream.rs", "peek", "it/cancel_steps/io.rs"),
    ("testing/steps/step.rs", "cut", "it/cancel_steps/harness.rs"),
    ("thread/mod.rs", "to_thread", "it/cancel_steps/io.rs"),
    ("time/interval.rs", "tick", "it/cancel_steps/tasks.rs"),
    (
        "time/sleep.rs",
        "sleep sleep_until",
        "it/cancel_steps/tasks.rs",
    ),
    (
        "time/timeout.rs",
        "timeout timeout_at",
        "it/cancel_steps/tasks.rs",
    ),
];

/// The name of the type that begins here, with what may stand before it: `&'a io::Result`, `impl
/// Future`.
fn last_of_path(tokens: &[Token]) -> Option<&str> {
    let mut rest = tokens.iter().map(|token| token.text.as_str()).peekable();
    while rest.next_if(|text| *text == "&").is_some() {}
    if rest.next_if(|text| *text == "'").is_some() {
        rest.next();
    }
    rest.next_if(|text| *text == "impl");
    let mut last = rest.next()?;
    while rest.next_if(|text| *text == "::").is_some() {
        last = rest.next()?;
    }
    Some(last)
}

/// How many tokens there are through the bracket that closes the first one; an arrow closes
/// nothing.
fn through(tokens: &[Token], open: &str, close: &str) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        let is_arrow = at > 0 && tokens[at - 1].text == "-";
        depth += i32::from(token.text == open);
        depth -= i32::from(token.text == close && !is_arrow);
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The types that a text declares as futures.
fn futures(code: &[Token]) -> BTreeSet<&str> {
    let texts: Vec<_> = code.iter().map(|token| token.text.as_str()).collect();
    let declared = texts
        .windows(3)
        .filter(|w| w[0] == "Future" && w[1] == "for");
    declared.map(|w| w[2]).collect()
}

/// A public function: its name, and the type that it gives; `None` for an `async fn`.
fn functions(code: &[Token]) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    for at in 0..code.len() {
        let is = |offset: usize, text: &str| code.get(at + offset).is_some_and(|t| t.text == text);
        let is_async = is(1, "async");
        let after = usize::from(is_async) + 1;
        if !is(0, "pub") || !is(after, "fn") {
            continue;
        }
        let (name, mut rest) = (&code[at + after + 1].text, &code[at + after + 2..]);
        if rest[0].text == "<" {
            rest = &rest[through(rest, "<", ">")..];
        }
        rest = &rest[through(rest, "(", ")")..];
        let gives = match rest {
            [dash, _, path @ ..] if dash.text == "-" => last_of_path(path),
            _ => None,
        };
        if is_async || gives.is_some() {
            found.push((name.as_str(), gives.filter(|_| !is_async)));
        }
    }
    found
}

/// The public functions of a file that give a future; `all` are the futures of the crate.
fn giving<'a>(code: &'a [Token], all: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let own = futures(code);
    let is_future = |gives: &str| {
        let mut pairs = code.windows(2);
        if pairs.any(|w| w[0].text == "struct" && w[1].text == gives) {
            own.contains(gives)
        } else {
            gives == "Future" || all.contains(gives)
        }
    };
    let all = functions(code).into_iter();
    let giving = all.filter(|(_, gives)| gives.is_none_or(is_future));
    giving.map(|(name, _)| name).collect()
}

/// The code of each file of `src`, without its tests.
fn sources() -> Vec<(String, Vec<Token>)> {
    let all = files().into_iter();
    let all = all.map(|(path, text)| (path.display().to_string(), text));
    let all = all.filter(|(path, _)| !path.contains("tests"));
    all.map(|(path, text)| (path, without_tests(&tokens(&text)).code))
        .collect()
}

/// Each `file function` of `src` that gives a future.
fn found() -> BTreeSet<String> {
    let sources = sources();
    let all = sources.iter().flat_map(|(_, code)| futures(code));
    let all: BTreeSet<_> = all.map(str::to_owned).collect();
    let functions = sources.iter().flat_map(|(path, code)| {
        let names = giving(code, &all).into_iter();
        names.map(move |name| format!("{path} {name}"))
    });
    functions.collect()
}

#[test]
fn everything_that_can_be_awaited_is_cut_off_by_some_scene() {
    let names = |&(path, names, _): &(&'static str, &'static str, &str)| {
        names.split(' ').map(move |name| format!("{path} {name}"))
    };
    let covered: BTreeSet<_> = COVERED.iter().flat_map(names).collect();
    let found = found();
    let missing: Vec<_> = found.difference(&covered).collect();
    assert!(missing.is_empty(), "no scene cuts these off: {missing:#?}");
    let stale: Vec<_> = covered.difference(&found).collect();
    assert!(stale.is_empty(), "there are no such functions: {stale:#?}");
}

#[test]
fn each_file_that_is_named_has_scenes_with_the_functions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (_, names, file) in COVERED {
        let text = fs::read_to_string(folder.join(file)).expect(file);
        let words: BTreeSet<_> = tokens(&text).into_iter().map(|token| token.text).collect();
        for name in names.split(' ').chain(["cut", "Step"]) {
            assert!(words.contains(name), "{file} has no {name}");
        }
    }
}

#[test]
fn the_check_finds_functions_that_return_a_future() {
    let text = "pub async fn one() {} pub fn two<F: Fn() -> u8>(f: F) -> a::Wait<'_> {} pub(crate) async fn no() {}
        pub fn three() -> impl Future {} pub fn four(self) -> Other { }
        pub fn five() -> impl Iterator<Item = u8> {} pub struct Other; async fn neither() {}
        impl<T> Future for Wait<T> {}";
    let code = tokens(text);
    let all: BTreeSet<_> = ["Wait", "Other"].map(str::to_owned).into();
    let names: Vec<_> = giving(&code, &all).into_iter().collect();
    assert_eq!(names, ["one", "three", "two"]);
}
