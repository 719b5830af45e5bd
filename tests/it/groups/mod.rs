//! Task groups.

mod basics;
mod clean_ups;
mod ends;
mod hard;
mod hostile;
mod turns;
