//! Cancellation against a model: random programs run on wheelhouse and on a reference interpreter
//! of the rules, and some of them on asyncio.

mod found;
#[path = "../common/installed.rs"]
mod installed;
mod machine;
mod on_purpose;
mod one_moment;
mod program;
mod promises;
mod python;
mod random;
mod reference;
mod scopes;
mod short;

use program::{Program, Trace, shown, sorted, without_reasons};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use python::Style;
use random::{Dialect, programs, seeded};
use reference::differences::{self, Difference};

/// Where the random programs begin: the same ones each time, so that a change of the crate, and not
/// of the dice, is what fails. To look further, raise `PROPTEST_CASES`.
const SEED: u64 = 20_261_123;

/// How many programs are compared with asyncio.
const PROGRAMS: u64 = 400;

/// Two traces side by side, if they differ.
fn difference(program: &Program, reference: Trace, other: Trace) -> Option<String> {
    let (reference, other) = (sorted(reference), sorted(other));
    (reference != other).then(|| {
        format!(
            "{program:?}\nthe reference says:\n{}\nbut:\n{}",
            shown(&reference),
            shown(&other)
        )
    })
}

/// The difference to asyncio, unless it is on purpose.
fn differs_from_asyncio(program: &Program, asyncio: Trace) -> Option<String> {
    differences::take();
    let reference = without_reasons(reference::run(program));
    let on_purpose = !differences::take().is_empty();
    difference(program, reference, asyncio).filter(|_| !on_purpose)
}

/// Returns the difference between the crate and the reference, unless it depends on an order that
/// is not promised.
fn differs(program: &Program) -> Option<String> {
    differences::take();
    let reference = reference::run(program);
    let is_open = differences::take().contains(&Difference::OneInstant);
    difference(program, reference, machine::run(program)).filter(|_| !is_open)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn wheelhouse_and_the_reference_agree(program in programs(Dialect::Full)) {
        let text = differs(&program);
        prop_assert!(text.is_none(), "{}", text.unwrap_or_default());
    }
}

#[test]
fn asyncio_and_the_reference_agree_where_they_are_meant_to() {
    let seeds = 0..PROGRAMS;
    let programs: Vec<_> = seeds.map(|seed| seeded(Dialect::Asyncio, seed)).collect();
    let traces = python::run(&programs, Style::Careful);
    let pairs = programs.iter().zip(traces);
    let differ = pairs.filter_map(|(program, trace)| differs_from_asyncio(program, trace));
    let smallest = differ.min_by_key(String::len);
    assert!(smallest.is_none(), "{}", smallest.unwrap_or_default());
}
