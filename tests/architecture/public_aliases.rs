//! Who looks for a name of asyncio, tokio or trio in the documentation finds what it is called
//! here: public items carry those names as `#[doc(alias)]`. The table says which, so that none is
//! lost.

use crate::source::files;
use std::collections::BTreeSet;

/// The other name, and the item that carries it: its file and its own name.
const ALIASES: &[(&str, &str, &str)] = &[
    ("add_reader", "net/registered.rs", "Registered"),
    ("add_writer", "net/registered.rs", "Registered"),
    ("remove_reader", "net/registered.rs", "Registered"),
    ("AsyncFd", "net/registered.rs", "Registered"),
    ("Async", "net/registered.rs", "Registered"),
    ("Interest", "reactor/readiness.rs", "Direction"),
    ("read_with", "net/registered.rs", "async_io"),
    ("write_with", "net/registered.rs", "async_io"),
    ("poll_read_ready", "net/readiness.rs", "poll_readable"),
    ("poll_write_ready", "net/readiness.rs", "poll_writable"),
    ("connect_read_pipe", "net/pipe.rs", "pipe"),
    ("connect_write_pipe", "net/pipe.rs", "pipe"),
    ("getaddrinfo", "net/address.rs", "lookup_host"),
    ("SCM_RIGHTS", "net/unix/ancillary.rs", "send_fds"),
    ("SO_PEERCRED", "net/unix/stream.rs", "peer_cred"),
    ("UCred", "net/unix/ancillary.rs", "PeerCredentials"),
    ("abort", "task/cancel_handle.rs", "cancel"),
    ("abort", "task/handle.rs", "cancel"),
    ("abort_all", "group/mod.rs", "cancel"),
    ("abort_handle", "task/handle.rs", "cancel_handle"),
    ("AbortHandle", "task/cancel_handle.rs", "CancelHandle"),
    ("acquire", "sync/lock.rs", "lock"),
    ("acquire_nowait", "sync/lock.rs", "try_lock"),
    ("acquire_nowait", "sync/semaphore/acquire.rs", "try_acquire"),
    ("add_signal_handler", "signal/listener.rs", "unix"),
    ("all_tasks", "task/info.rs", "all"),
    ("AsyncExitStack", "task/shield.rs", "finally_with"),
    ("autojump_clock", "testing/mod.rs", "run"),
    ("available_permits", "sync/semaphore.rs", "available"),
    ("BarrierWaitResult", "sync/barrier.rs", "Arrival"),
    ("blocking_recv", "runtime/remote/reply.rs", "join"),
    ("blocking_send", "sync/inbox.rs", "send"),
    ("BoundedSemaphore", "sync/semaphore.rs", "bounded"),
    ("broken", "sync/barrier.rs", "is_broken"),
    ("BrokenBarrierError", "error/mod.rs", "BrokenBarrier"),
    ("buffer_unordered", "combine/gather.rs", "limit"),
    ("call_at", "time/sleep.rs", "sleep_until"),
    ("call_later", "time/sleep.rs", "sleep"),
    ("call_soon_threadsafe", "runtime/remote/mod.rs", "call"),
    ("cancel_scope", "group/mod.rs", "cancel"),
    ("cancelled", "sync/oneshot.rs", "is_closed"),
    ("CancelledError", "error/cancelled.rs", "Cancelled"),
    ("CancelScope", "task/catch.rs", "catch_cancel"),
    ("CancelScope", "time/timeout.rs", "timeout"),
    ("CapacityLimiter", "sync/semaphore.rs", "Semaphore"),
    ("channel", "sync/inbox.rs", "bounded"),
    ("channel", "sync/mod.rs", "inbox"),
    ("channel", "sync/queue/aliases.rs", "Queue"),
    ("checkpoint", "task/yield_now.rs", "yield_now"),
    ("dispatch", "runtime/other_loop.rs", "turn"),
    ("run_once", "runtime/other_loop.rs", "turn"),
    ("communicate", "process/child.rs", "wait_with_output"),
    ("Condvar", "sync/condition.rs", "Condition"),
    ("ContextVar", "task/context_var.rs", "context_var"),
    ("create_datagram_endpoint", "net/udp.rs", "UdpSocket"),
    ("create_future", "sync/oneshot.rs", "oneshot"),
    ("create_subprocess_exec", "process/command.rs", "Command"),
    ("create_task", "group/mod.rs", "spawn"),
    ("create_task", "task/mod.rs", "spawn"),
    ("current_task", "task/info.rs", "current"),
    ("current_time", "time/mod.rs", "now"),
    ("done", "task/handle.rs", "is_finished"),
    ("empty", "sync/queue/interface.rs", "is_empty"),
    ("ensure_future", "task/mod.rs", "spawn"),
    ("EventLoop", "runtime/mod.rs", "Runtime"),
    ("ExceptionGroup", "error/join.rs", "GroupError"),
    ("fail_after", "time/timeout.rs", "timeout"),
    ("fail_at", "time/timeout.rs", "timeout_at"),
    ("FIRST_COMPLETED", "combine/wait.rs", "first_completed"),
    ("FIRST_EXCEPTION", "combine/wait.rs", "first_failed"),
    ("from_thread", "runtime/remote/mod.rs", "call"),
    ("full", "sync/queue/interface.rs", "is_full"),
    ("Future", "sync/oneshot.rs", "oneshot"),
    (
        "FuturesUnordered",
        "combine/as_completed.rs",
        "as_completed",
    ),
    ("get_name", "task/handle.rs", "name"),
    ("get_running_loop", "runtime/remote/mod.rs", "current"),
    ("Handle", "runtime/remote/mod.rs", "Remote"),
    ("has_changed", "sync/watch.rs", "is_changed"),
    ("IsolatedAsyncioTestCase", "testing/mod.rs", "run"),
    ("join", "combine/gather.rs", "gather"),
    ("join!", "combine/gather.rs", "gather"),
    ("join_all", "combine/gather.rs", "gather"),
    ("JoinSet", "combine/as_completed.rs", "as_completed"),
    ("JoinSet", "group/mod.rs", "task_group"),
    ("JoinSet", "group/mod.rs", "TaskGroup"),
    (
        "KeyboardInterrupt",
        "runtime/builder.rs",
        "cancel_on_ctrl_c",
    ),
    ("LocalKey", "task/context_var.rs", "ContextVar"),
    ("LocalSet", "runtime/mod.rs", "Runtime"),
    ("locked", "sync/lock.rs", "is_locked"),
    ("locked", "sync/rwlock.rs", "is_locked"),
    ("locked", "sync/semaphore.rs", "is_locked"),
    ("main", "runtime/mod.rs", "run"),
    ("maxsize", "sync/queue/interface.rs", "capacity"),
    ("MissedTickBehavior", "time/interval.rs", "MissedTicks"),
    ("MockClock", "testing/mod.rs", "run"),
    ("move_on_after", "time/timeout.rs", "timeout"),
    ("move_on_at", "time/timeout.rs", "timeout_at"),
    ("mpsc", "sync/mod.rs", "inbox"),
    ("mpsc", "sync/queue/aliases.rs", "Queue"),
    ("Mutex", "sync/lock.rs", "Lock"),
    ("MutexGuard", "sync/lock.rs", "LockGuard"),
    ("n_waiting", "sync/barrier.rs", "waiting"),
    ("notified", "sync/event.rs", "wait"),
    ("Notify", "sync/condition.rs", "Condition"),
    ("Notify", "sync/event.rs", "Event"),
    ("notify_n", "sync/condition.rs", "notify"),
    ("notify_one", "sync/condition.rs", "notify"),
    ("notify_waiters", "sync/condition.rs", "notify_all"),
    ("notify_waiters", "sync/event.rs", "set"),
    ("Nursery", "group/mod.rs", "TaskGroup"),
    ("nursery", "group/mod.rs", "task_group"),
    ("open_connection", "net/tcp/stream.rs", "connect"),
    ("open_nursery", "group/mod.rs", "task_group"),
    ("open_process", "process/command.rs", "Command"),
    ("open_signal_receiver", "signal/listener.rs", "unix"),
    ("open_unix_connection", "net/unix/stream.rs", "connect"),
    ("OwnedSemaphorePermit", "sync/permit.rs", "OwnedPermit"),
    ("qsize", "sync/queue/interface.rs", "len"),
    ("QueueEmpty", "error/channel.rs", "GetError"),
    ("QueueFull", "error/channel.rs", "PutError"),
    ("QueueShutDown", "error/channel.rs", "Closed"),
    ("raise", "task/catch.rs", "resume"),
    ("receiver_count", "sync/broadcast.rs", "receivers"),
    ("recv", "sync/queue/interface.rs", "get"),
    ("RecvError", "error/channel.rs", "Closed"),
    ("RecvError", "error/channel.rs", "BroadcastError"),
    ("release", "sync/semaphore.rs", "add_permits"),
    ("result", "sync/oneshot.rs", "try_recv"),
    ("result", "task/handle.rs", "try_join"),
    ("return_when", "combine/wait.rs", "wait"),
    ("run_coroutine_threadsafe", "runtime/remote/mod.rs", "spawn"),
    ("run_in_executor", "thread/mod.rs", "to_thread"),
    ("run_process", "process/command.rs", "output"),
    ("run_sync", "thread/mod.rs", "to_thread"),
    ("run_until_complete", "runtime/mod.rs", "block_on"),
    ("Runner", "runtime/mod.rs", "Runtime"),
    ("RwLockReadGuard", "sync/rwlock/guard.rs", "ReadGuard"),
    ("RwLockWriteGuard", "sync/rwlock/guard.rs", "WriteGuard"),
    ("scope", "task/context_var.rs", "with"),
    ("select", "combine/wait.rs", "wait"),
    ("select", "combine/wait.rs", "first_completed"),
    ("select!", "combine/wait.rs", "first_completed"),
    ("SemaphorePermit", "sync/permit.rs", "Permit"),
    ("send", "sync/queue/interface.rs", "put"),
    ("SendError", "error/channel.rs", "Undelivered"),
    (
        "set_missed_tick_behavior",
        "time/interval.rs",
        "set_missed_ticks",
    ),
    ("set_result", "sync/oneshot.rs", "send"),
    ("shutdown", "sync/queue/interface.rs", "close"),
    ("shutdown", "sync/queue/interface.rs", "close_now"),
    ("spawn_blocking", "thread/mod.rs", "to_thread"),
    ("spawn_local", "task/mod.rs", "spawn"),
    ("start_paused", "testing/mod.rs", "run"),
    ("start_server", "net/tcp/listener.rs", "TcpListener"),
    ("start_soon", "group/mod.rs", "spawn"),
    ("start_soon", "task/mod.rs", "spawn"),
    ("start_unix_server", "net/unix/listener.rs", "UnixListener"),
    ("StreamReader", "net/halves/owned.rs", "OwnedReadHalf"),
    ("StreamWriter", "net/halves/owned.rs", "OwnedWriteHalf"),
    ("sync_scope", "task/context_var.rs", "with_sync"),
    ("Task", "task/handle.rs", "JoinHandle"),
    ("task_local", "task/context_var.rs", "context_var"),
    ("task_local", "task/context_var.rs", "ContextVar"),
    ("TaskTracker", "group/mod.rs", "task_group"),
    ("TaskTracker", "group/mod.rs", "TaskGroup"),
    ("TimeoutError", "error/mod.rs", "Elapsed"),
    ("TokioExecutor", "compat/hyper.rs", "Executor"),
    ("TokioIo", "compat/hyper.rs", "Io"),
    ("TokioTimer", "compat/hyper.rs", "Timer"),
    ("TooSlowError", "error/mod.rs", "Elapsed"),
    ("TrioToken", "runtime/remote/mod.rs", "Remote"),
    ("try_get", "sync/queue/interface.rs", "get_nowait"),
    ("try_join", "combine/try_gather.rs", "try_gather"),
    ("try_join!", "combine/try_gather.rs", "try_gather"),
    ("try_join_all", "combine/try_gather.rs", "try_gather"),
    ("try_put", "sync/queue/interface.rs", "put_nowait"),
    ("try_recv", "sync/queue/interface.rs", "get_nowait"),
    ("try_send", "sync/queue/interface.rs", "put_nowait"),
    ("TryCurrentError", "error/mod.rs", "NoRuntime"),
    ("TryRecvError", "error/channel.rs", "GetError"),
    ("TryRecvError", "error/channel.rs", "TryBroadcastError"),
    ("TrySendError", "error/channel.rs", "PutError"),
    ("unbounded_channel", "sync/inbox.rs", "unbounded"),
    ("wait_all_tasks_blocked", "testing/mod.rs", "settle"),
    ("wait_for", "time/timeout.rs", "timeout"),
    ("write_eof", "net/tcp/stream.rs", "shutdown"),
];

/// The aliases in `source`, each with the name of its item.
fn aliases(source: &str) -> Vec<(String, String)> {
    let mut waiting = Vec::new();
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("#[doc(alias = \"") {
            let alias = rest.split('"').next().unwrap_or_default();
            waiting.push(alias.to_owned());
        } else if let Some(name) = name_of_item(line) {
            found.extend(waiting.drain(..).map(|alias| (alias, name.to_owned())));
        }
    }
    assert!(waiting.is_empty(), "aliases of nothing: {waiting:?}");
    found
}

/// The name of the item that begins in `line`, if one that may have an alias does.
fn name_of_item(line: &str) -> Option<&str> {
    let kinds = [
        "fn",
        "struct",
        "enum",
        "trait",
        "type",
        "mod",
        "macro_rules!",
    ];
    if !line.starts_with("pub ") && !line.starts_with("macro_rules!") {
        return None;
    }
    let mut words = line.split(' ').skip_while(|word| !kinds.contains(word));
    let name = words.nth(1)?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

#[test]
fn names_of_asyncio_tokio_and_trio_lead_to_ours() {
    let found: BTreeSet<_> = files()
        .iter()
        .flat_map(|(path, source)| {
            let path = path.display().to_string();
            let with_path = move |(alias, item)| (alias, path.clone(), item);
            aliases(source).into_iter().map(with_path)
        })
        .collect();
    let owned = |row: &(&str, &str, &str)| (row.0.to_owned(), row.1.to_owned(), row.2.to_owned());
    let wanted: BTreeSet<_> = ALIASES.iter().map(owned).collect();
    let lost: Vec<_> = wanted.difference(&found).collect();
    assert!(lost.is_empty(), "not in src any more: {lost:#?}");
    let new: Vec<_> = found.difference(&wanted).collect();
    assert!(new.is_empty(), "not in ALIASES yet: {new:#?}");
}

#[test]
fn the_check_finds_the_item_behind_its_other_attributes() {
    let source =
        "#[doc(alias = \"abort\")]\n#[must_use]\npub async fn cancel<T>(&self)\npub fn other()
        #[doc(alias = \"a\")]\n#[doc(alias = \"b!\")]\n#[derive(Debug)]\npub struct Two(u8);";
    let expected = [("abort", "cancel"), ("a", "Two"), ("b!", "Two")];
    let found = aliases(source);
    let found: Vec<_> = found
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(found, expected);
}
