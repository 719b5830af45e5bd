//! Tasks and what they do with time and each other.

mod by_hand;
mod carried;
mod circle_report;
mod context_vars;
mod deadlock_report;
mod explore;
mod fairness;
mod giving_way;
mod intervals;
mod lifecycle;
mod ownership;
mod remote;
mod threads;
mod threads_wakers;
mod time;
mod trace;
mod turns;
mod wakes;
