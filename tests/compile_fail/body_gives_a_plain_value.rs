//! A body gives `()` or a `Result`; the message says how to mend it.

fn main() {
    drop(wheelhouse::task_group(async |_g| 5));
}
