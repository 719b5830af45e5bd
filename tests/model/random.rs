//! Random programs.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::program::{Block, Keep, Program, Stmt, Then};

/// Which statements the programs may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    /// All.
    Full,
    /// Those that mean the same in asyncio.
    Asyncio,
}

/// A name or number that [`Program::new`] or [`settle`] will give.
const LATER: usize = 0;

/// Random programs of a dialect: some tasks, and a main task that meddles with them.
pub(crate) fn programs(dialect: Dialect) -> impl Strategy<Value = Program> {
    let tasks = prop::collection::vec(block(stmts(dialect), 4), 1..4);
    (tasks, block(stmts(dialect), 3), script()).prop_map(|(tasks, first, script)| {
        let spawns = tasks.into_iter().map(|body| Stmt::Spawn(LATER, body));
        settle(spawns.chain(first).chain(script).collect())
    })
}

/// Sleeps and cancels.
fn script() -> impl Strategy<Value = Block> {
    let step = prop_oneof![
        (0..12_u64).prop_map(|weight| Stmt::Sleep(LATER, weight)),
        (0..8_usize).prop_map(Stmt::Cancel),
    ];
    prop::collection::vec(step, 0..8)
}

/// The random program of a seed.
pub(crate) fn seeded(dialect: Dialect, seed: u64) -> Program {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = programs(dialect).new_tree(&mut runner);
    tree.expect("no program is refused").current()
}

fn block(stmt: impl Strategy<Value = Stmt>, most: usize) -> impl Strategy<Value = Block> {
    prop::collection::vec(stmt, 0..=most)
}

fn stmts(dialect: Dialect) -> impl Strategy<Value = Stmt> {
    leaves(dialect).prop_recursive(4, 40, 4, move |inner| match dialect {
        Dialect::Full => prop_oneof![4 => common(inner.clone(), 1), 3 => ours(inner)].boxed(),
        Dialect::Asyncio => common(inner, 1).boxed(),
    })
}

fn leaves(dialect: Dialect) -> impl Strategy<Value = Stmt> {
    let sleep = (0..12_u64).prop_map(|weight| Stmt::Sleep(LATER, weight));
    let task = || 0..8_usize;
    let common = prop_oneof![
        1 => Just(Stmt::Log(LATER)),
        6 => sleep,
        1 => Just(Stmt::Yield),
        5 => task().prop_map(Stmt::Cancel),
        3 => task().prop_map(Stmt::Await),
        1 => task().prop_map(Stmt::AwaitResume),
        1 => Just(Stmt::Return),
        1 => Just(Stmt::Fail),
    ];
    match dialect {
        Dialect::Full => prop_oneof![16 => common, 1 => Just(Stmt::CancelGroup)].boxed(),
        Dialect::Asyncio => common.boxed(),
    }
}

/// Compound statements that asyncio knows too.
fn common(stmt: BoxedStrategy<Stmt>, groups: u32) -> impl Strategy<Value = Stmt> {
    let block = |most| block(stmt.clone(), most).boxed();
    let blocks = |least| prop::collection::vec(block(3), least..4);
    let then = prop_oneof![Just(Then::Swallow), Just(Then::Resume), Just(Then::Resume)];
    let children = blocks(0).prop_map(|all| all.into_iter().map(|child| (LATER, child)).collect());
    prop_oneof![
        4 => (block(3), block(2), then)
            .prop_map(|(body, handler, then)| Stmt::Catch(LATER, body, handler, then)),
        3 => (0..12_u64, block(3)).prop_map(|(weight, body)| Stmt::Timeout(LATER, weight, body)),
        4 => block(4).prop_map(|body| Stmt::Spawn(LATER, body)),
        2 => blocks(1).prop_map(|branches| Stmt::Gather(LATER, branches)),
        3 * groups => (children, block(3)).prop_map(|(children, body)| Stmt::Group(LATER, children, body)),
    ]
}

/// Compound statements that asyncio does not know, or means otherwise.
fn ours(stmt: BoxedStrategy<Stmt>) -> impl Strategy<Value = Stmt> {
    let block = |most| block(stmt.clone(), most).boxed();
    prop_oneof![
        3 => block(3).prop_map(|body| Stmt::Shield(LATER, body)),
        2 => (block(3), block(2)).prop_map(|(body, after)| Stmt::Finally(LATER, body, after)),
        1 => (0..3_usize, prop::collection::vec(block(3), 1..4))
            .prop_map(|(limit, branches)| Stmt::TryGather(LATER, limit, branches)),
        2 => hold(holdable(), stmt.clone()),
    ]
}

/// A held block, of statements of one kind, and what runs meanwhile, of another.
fn hold(held: BoxedStrategy<Stmt>, meanwhile: BoxedStrategy<Stmt>) -> impl Strategy<Value = Stmt> {
    let others = prop::collection::vec(block(meanwhile, 2), 1..3);
    let keep = prop_oneof![Just(Keep::Drop), Just(Keep::Finish)];
    (block(held, 3), others, keep)
        .prop_map(|(held, others, keep)| Stmt::Hold(LATER, held, others, keep))
}

/// What a held block may consist of: nothing that has to be waited for when it is dropped.
fn holdable() -> BoxedStrategy<Stmt> {
    let leaf = prop_oneof![
        1 => Just(Stmt::Log(LATER)),
        6 => (0..12_u64).prop_map(|weight| Stmt::Sleep(LATER, weight)),
        2 => (0..8_usize).prop_map(Stmt::Cancel),
        1 => Just(Stmt::Return),
        1 => Just(Stmt::Fail),
    ];
    let compound = |stmt: BoxedStrategy<Stmt>| {
        let block = |most| block(stmt.clone(), most).boxed();
        let then = prop_oneof![Just(Then::Swallow), Just(Then::Resume)];
        prop_oneof![
            3 => (block(3), block(2), then)
                .prop_map(|(body, handler, then)| Stmt::Catch(LATER, body, handler, then)),
            2 => (block(3), block(2)).prop_map(|(body, after)| Stmt::Finally(LATER, body, after)),
            3 => block(3).prop_map(|body| Stmt::Shield(LATER, body)),
            2 => (0..12_u64, block(3))
                .prop_map(|(weight, body)| Stmt::Timeout(LATER, weight, body)),
            1 => prop::collection::vec(block(2), 1..3)
                .prop_map(|branches| Stmt::Gather(LATER, branches)),
            1 => hold(stmt.clone(), stmt),
        ]
    };
    leaf.prop_recursive(3, 12, 3, compound).boxed()
}

/// Changes a random program so that it is well defined.
fn settle(main: Block) -> Program {
    let mut program = Program::new(main);
    let mut settler = Settler {
        tasks: program.tasks,
        timers: 0,
    };
    settler.block(&mut program.main, 0);
    Program::new(program.main)
}

/// Sets targets, durations, and the sleeps in between.
struct Settler {
    tasks: usize,
    timers: u64,
}

impl Settler {
    fn block(&mut self, block: &mut Block, task: usize) {
        let mut spaced = Vec::new();
        let mut stmts = std::mem::take(block).into_iter().peekable();
        while let Some(mut stmt) = stmts.next() {
            self.stmt(&mut stmt, task);
            if matches!(stmt, Stmt::Hold(..)) {
                spaced.push(Stmt::Sleep(LATER, self.duration(0)));
            }
            let pause = needs_pause(&stmt, stmts.peek());
            spaced.push(stmt);
            if pause {
                spaced.push(Stmt::Sleep(LATER, self.duration(0)));
            }
        }
        *block = spaced;
    }

    fn stmt(&mut self, stmt: &mut Stmt, task: usize) {
        match stmt {
            Stmt::Sleep(_, weight) | Stmt::Timeout(_, weight, _) => {
                *weight = self.duration(*weight);
            }
            Stmt::Cancel(target) => *target %= self.tasks,
            Stmt::Await(target) | Stmt::AwaitResume(target) => {
                // Only higher numbers: no two tasks wait for each other.
                *target = task + 1 + *target % (self.tasks - task).max(1);
            }
            _ => {}
        }
        let mut index = 0;
        let tasks: Vec<_> = match stmt {
            Stmt::Spawn(number, _) => vec![*number],
            Stmt::Group(_, children, _) => children.iter().map(|(number, _)| *number).collect(),
            _ => Vec::new(),
        };
        let (holds, blocks) = (matches!(stmt, Stmt::Hold(..)), stmt.blocks().len());
        let (forks, catches) = (is_fork(stmt), is_catch(stmt));
        stmt.blocks_mut(&mut |block| {
            self.block(block, tasks.get(index).copied().unwrap_or(task));
            if forks || (catches && index == 1) {
                block.insert(0, Stmt::Sleep(LATER, self.duration(0)));
            }
            if holds && index > 0 {
                // No poll of what is held follows at once on something else, or is followed by it.
                block.insert(0, Stmt::Sleep(LATER, self.duration(0)));
                if index + 1 < blocks {
                    block.push(Stmt::Sleep(LATER, self.duration(0)));
                }
            }
            index += 1;
        });
    }

    /// A duration like no other, of a size by its weight.
    fn duration(&mut self, weight: u64) -> u64 {
        self.timers += 1;
        let mut noise = self.timers.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        noise = (noise ^ (noise >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        noise = (noise ^ (noise >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (weight << 31) + (noise >> 33) + 1
    }
}

/// Returns `true` if the inner code runs beside the outer code, in an order that is not promised.
fn is_fork(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::Spawn(..) | Stmt::Group(..) | Stmt::Gather(..) | Stmt::TryGather(..)
    )
}

/// Returns `true` if its second block follows a cancellation.
fn is_catch(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Catch(..) | Stmt::Finally(..))
}

/// Returns `true` if the effects of a statement elsewhere, or those that ended it, must be over
/// before the next statement.
fn needs_pause(stmt: &Stmt, next: Option<&Stmt>) -> bool {
    match stmt {
        // Cancelled twice at once: C10.
        Stmt::Cancel(task) => next != Some(&Stmt::Cancel(*task)),
        Stmt::Await(_)
        | Stmt::AwaitResume(_)
        | Stmt::CancelGroup
        | Stmt::Catch(..)
        | Stmt::Timeout(..)
        | Stmt::Gather(..)
        | Stmt::TryGather(..)
        | Stmt::Group(..)
        | Stmt::Hold(..) => true,
        _ => false,
    }
}
