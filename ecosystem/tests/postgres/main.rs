//! tokio-postgres on wheelhouse, against a real server, with PostgreSQL's own clients beside it.
//!
//! One server for all cases, which run one after the other, in one runtime: a server takes longer
//! to start than they all do together. So the harness is a few lines of ours; arguments choose the
//! cases whose names have one of them in it.

mod cancel;
mod example;
mod faults;
mod harness;
#[path = "../../../tests/common/installed.rs"]
mod installed;
mod peers;
mod queries;
mod transactions;

use std::process::ExitCode;

use harness::{Case, cases};

/// All cases, in the order in which they run.
const CASES: &[Case] = cases![
    queries::over_tcp_and_over_a_unix_socket,
    queries::queries_at_once_travel_together,
    queries::an_error_in_one_of_several_queries_leaves_the_others_unharmed,
    queries::many_connections_at_once_leave_nothing_behind,
    queries::notifications_come_through_the_connection,
    queries::copy_moves_many_rows_both_ways,
    queries::the_hosts_of_the_settings_are_tried_in_turn,
    transactions::commits_what_the_body_did,
    transactions::rolls_back_on_an_error,
    transactions::rolls_back_on_a_panic,
    transactions::savepoints_nest,
    transactions::an_error_that_the_body_swallows_is_no_commit,
    transactions::a_commit_that_was_begun_is_not_cut_off,
    cancel::a_cancelled_query_is_stopped_on_the_server_and_rolled_back,
    cancel::a_cancelled_body_that_runs_no_query_is_rolled_back,
    cancel::a_query_that_is_cancelled_holds_up_no_other,
    cancel::a_query_that_a_failing_body_leaves_running_is_stopped,
    cancel::a_timeout_gives_elapsed_after_the_rollback,
    cancel::one_failed_transaction_of_a_group_rolls_the_others_back,
    cancel::the_end_of_the_runtime_rolls_back,
    cancel::cancelled_at_any_moment_it_is_all_or_nothing,
    peers::psql_sees_our_rows_and_we_see_those_of_psql,
    peers::pgbench_runs_beside_us_without_errors,
    example::it_shows_all_on_the_server_that_is_named,
    example::ctrl_c_stops_and_removes_its_own_server,
    example::ctrl_c_stops_its_queries_on_a_server_that_is_named,
    example::what_is_wrong_with_its_arguments_it_says,
    faults::a_session_that_the_server_ends_gives_errors,
    faults::a_server_that_does_not_answer_holds_nobody_up,
    faults::a_cluster_is_gone_after_a_panic,
    faults::a_cluster_is_gone_when_it_is_cancelled_before_it_is_ready,
    // The last, for the server does not survive it.
    faults::a_server_that_is_killed_gives_errors_and_nothing_hangs,
];

fn main() -> ExitCode {
    harness::run(CASES)
}
