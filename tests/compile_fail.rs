//! Programs that must not compile, and the messages of the compiler.
//!
//! The messages are those of the toolchain that the gate runs on. After a change of it,
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes them anew; read what changed.

use wheelhouse::{run, task_group};

#[test]
fn unsound_and_wrong_programs_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// Implemented once for types that are not `Send`, and twice for types that are: then the type of
/// `Which` is ambiguous.
trait StaysOnItsThread<Which> {}
impl<T> StaysOnItsThread<()> for T {}
impl<T: Send> StaysOnItsThread<u8> for T {}

/// Does not compile for what is `Send`.
fn stays_on_its_thread<Which>(_: &impl StaysOnItsThread<Which>) {}

/// Not one of the programs above, since the compiler's message would be made of private fields.
#[test]
fn a_group_cannot_be_sent_to_another_thread_not_even_before_its_first_poll() {
    let group = task_group(async |_g| ());
    stays_on_its_thread(&group);
    run(async {
        let outcome = task_group(async |g| stays_on_its_thread(&g)).await;
        outcome.unwrap();
    });
    run(group).unwrap();
}
