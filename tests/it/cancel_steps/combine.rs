//! Cancel at every step: combinators and groups are ended at each of their suspensions, in five
//! ways. The harness, and what it checks in each scene without being asked, is described at
//! `testing::Steps`.

use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use crate::common::turns;
use crate::steps::counting::steps_of;
use futures::lock::Mutex;
use wheelhouse::testing::{Cut, Step};
use wheelhouse::{
    JoinError, JoinHandle, as_completed, catch_cancel, gather, shield, sleep, spawn, task_group,
    time, try_gather, wait, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What is alive and what is being cleaned up in a scene.
#[derive(Clone, Debug, Default)]
struct World(Rc<Counters>);

/// The counters of a [`World`].
#[derive(Debug, Default)]
struct Counters {
    /// Coins that were made and not dropped.
    coins: Cell<usize>,
    /// Clean-ups that began.
    begun: Cell<usize>,
    /// Clean-ups that ended.
    ended: Cell<usize>,
}

/// A value of which a [`World`] knows.
#[derive(Debug)]
struct Coin(World);

impl World {
    /// One more coin.
    fn coin(&self) -> Coin {
        self.0.coins.set(self.0.coins.get() + 1);
        Coin(self.clone())
    }

    /// A coin, after so many turns.
    async fn after(self, count: usize) -> Coin {
        turns(count).await;
        self.coin()
    }

    /// Returns the value of `body`. When cancelled, cleans up with awaits in a shield, and resumes.
    async fn passes_on<T>(self, body: impl Future<Output = T>) -> T {
        match catch_cancel(body).await {
            Ok(value) => value,
            Err(cancelled) => {
                self.0.begun.set(self.0.begun.get() + 1);
                shield(async {
                    sleep(ms(1)).await;
                    yield_now().await;
                    self.0.ended.set(self.0.ended.get() + 1);
                })
                .await;
                cancelled.resume().await
            }
        }
    }

    /// A task that returns a coin after a number of turns, and cleans up when it is cancelled
    /// before.
    fn task(&self, count: usize) -> JoinHandle<Coin> {
        spawn(self.clone().passes_on(self.clone().after(count)))
    }

    /// Checks that only these coins are left, and, but for a plain drop, that each clean-up that
    /// began has ended.
    fn check(&self, step: &Step, coins: usize) {
        assert_eq!(self.0.coins.get(), coins, "coins");
        if !step.mode.is_drop() {
            assert_eq!(self.0.begun.get(), self.0.ended.get(), "clean-ups");
        }
    }
}

impl Drop for Coin {
    fn drop(&mut self) {
        let coins = &self.0.0.coins;
        coins.set(coins.get() - 1);
    }
}

#[test]
fn gather_returns_all_values_or_drops_them_and_its_branches_clean_up() {
    let most = steps_of("gather").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let cut = step.cut(async move {
            let plain = theirs.clone().after(2);
            let cleans_up = theirs.clone().passes_on(theirs.clone().after(3));
            let sleeps = async {
                sleep(ms(2)).await;
                theirs.coin()
            };
            gather((plain, cleans_up, theirs.task(4), sleeps)).await
        });
        let values = cut.await.ended();
        world.check(step, if values.is_some() { 4 } else { 0 });
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn gather_with_a_limit_begins_no_branch_that_it_does_not_end() {
    let most = steps_of("gather.limit").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let cut = step.cut(async move {
            let branch = |count| theirs.clone().passes_on(theirs.clone().after(count));
            let branches: Vec<_> = (0..5).map(branch).collect();
            gather(branches).limit(2).await
        });
        let values = cut.await.ended();
        world.check(step, values.as_ref().map_or(0, Vec::len));
        assert!(values.is_none_or(|values| values.len() == 5));
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn try_gather_leaves_nothing_of_the_branches_that_an_error_cut_off() {
    let most = steps_of("try_gather").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let cut = step.cut(async move {
            let early = async { Ok::<_, &str>(theirs.clone().after(1).await) };
            let cleans_up = theirs.clone().passes_on(pending::<Result<(), &str>>());
            let awaits = async { Ok(theirs.task(100).await.expect("nobody else cancels it")) };
            let fails = async {
                turns(3).await;
                Err::<Coin, &str>("on purpose")
            };
            try_gather((early, cleans_up, awaits, fails)).await
        });
        if let Some(result) = cut.await.ended() {
            assert_eq!(result.map(drop), Err("on purpose"));
        }
        world.check(step, 0);
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn try_gather_that_succeeds_returns_all_values_or_drops_them() {
    steps_of("try_gather").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let cut = step.cut(async move {
            let branch = |count| async move { Ok::<_, JoinError>(count) };
            let coin = async { Ok(theirs.clone().after(2).await) };
            try_gather((branch(1), coin, theirs.clone().task(3), branch(4)))
                .await
                .map(|(_, coin, task, _)| (coin, task))
        });
        let values = cut.await.ended();
        world.check(step, if values.is_some() { 2 } else { 0 });
    });
}

#[test]
fn wait_lets_its_tasks_run_on_and_their_values_be_taken() {
    let most = steps_of("wait").run(async |step: &Step| {
        let world = World::default();
        let tasks: Vec<_> = (1..4).map(|count| world.task(count)).collect();
        let tasks = Rc::new(Mutex::new(tasks));
        let theirs = Rc::clone(&tasks);
        let cut = step.cut(async move {
            let mut tasks = theirs.lock().await;
            let first = wait(tasks.iter_mut()).first_completed().await;
            assert!(!first.done.is_empty());
            wait(tasks.iter_mut()).timeout(ms(10)).await.pending.len()
        });
        assert_eq!(cut.await.ended().unwrap_or_default(), 0, "pending");
        let mut coins = Vec::new();
        for task in &mut *tasks.lock().await {
            coins.push(task.await.expect("nobody cancels it"));
        }
        world.check(step, 3);
        drop(coins);
        assert_eq!(world.0.begun.get(), 0, "clean-ups");
    });
    assert!(most >= 2, "{most}");
}

#[test]
fn wait_that_owns_its_handles_lets_the_tasks_run_on() {
    steps_of("wait").run(async |step: &Step| {
        let done = Rc::new(Cell::new(0));
        let task = |count| {
            let done = Rc::clone(&done);
            spawn(async move {
                turns(count).await;
                done.set(done.get() + 1);
            })
        };
        let tasks: Vec<_> = (1..4).map(task).collect();
        let more: Vec<_> = (1..4).map(task).collect();
        let cut = step.cut(async move {
            let first = wait(more).until(|so_far| so_far.done().len() == 2).await;
            assert!(first.done.len() >= 2);
            let last = wait(first.pending).first_failed().await;
            assert!(last.pending.is_empty(), "none fails");
            wait(tasks).await.done.len()
        });
        let cut = cut.await.ended();
        assert!(cut.is_none_or(|done| done == 3));
        turns(10).await;
        assert_eq!(done.get(), 6);
    });
}

#[test]
fn as_completed_returns_each_value_once_also_after_a_cut_next() {
    let most = steps_of("as_completed").run(async |step: &Step| {
        let world = World::default();
        let branch = |count| world.clone().passes_on(world.clone().after(count));
        let stream = as_completed([0, 2, 4, 7].map(branch));
        let stream = Rc::new(Mutex::new(stream));
        let got = Rc::new(Cell::new(0));
        let (theirs, count) = (Rc::clone(&stream), Rc::clone(&got));
        let cut = step.cut(async move {
            // One lock for each value, so that only `next` suspends.
            while let Some(coin) = { theirs.lock().await.next().await } {
                count.set(count.get() + 1);
                drop(coin);
            }
        });
        drop(cut.await);
        // The futures that the cancellation of the task ended are dropped; the others continue
        // here.
        let begun = world.0.begun.get();
        if begun == 0 {
            while { stream.lock().await.next().await }.is_some() {
                got.set(got.get() + 1);
            }
            assert_eq!(got.get(), 4, "values");
        }
        drop(stream);
        world.check(step, 0);
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_group_leaves_no_child_and_its_members_clean_up() {
    let most = steps_of("task_group").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let cut = step.cut(async move {
            let names = [String::from("borrowed"), String::from("by children")];
            let (names, world) = (&names, &theirs);
            let value = task_group(async |g| {
                g.limit(2);
                for name in names {
                    g.spawn(async move {
                        world.clone().passes_on(turns(name.len() % 4)).await;
                    });
                }
                let coin = g.spawn(async move {
                    g.spawn(async { shield(sleep(ms(3))).await });
                    Ok(world.clone().after(1).await)
                });
                world.clone().passes_on(turns(2)).await;
                Ok::<_, ()>(coin.await.expect("nobody else cancels it"))
            });
            value.await.expect("nobody fails")
        });
        let coin = cut.await.ended();
        world.check(step, usize::from(coin.is_some()));
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn a_group_that_fails_returns_its_errors_unless_it_is_cut() {
    let most = steps_of("task_group").run(async |step: &Step| {
        let world = World::default();
        let theirs = world.clone();
        let start = time::now();
        let cut = step.cut(async move {
            let world = &theirs;
            task_group(async |g| {
                g.spawn(async move {
                    world.clone().passes_on(pending::<()>()).await;
                    Ok(())
                });
                g.spawn(async {
                    turns(2).await;
                    Err::<(), _>(world.coin())
                });
                g.spawn(async {
                    drop(catch_cancel(pending::<()>()).await);
                    turns(2).await;
                    Err::<(), _>(world.coin())
                });
                world.task(100).await.map_err(|_| world.coin())
            })
            .await
            .map(drop)
        });
        let cut = cut.await;
        assert!(time::now() - start < ms(10), "nobody waits for long");
        if let Cut::Ended(result) = cut {
            let errors = result.expect_err("children fail");
            world.check(step, errors.errors().count());
            assert!(errors.errors().count() >= 2);
        }
        world.check(step, 0);
    });
    assert!(most >= 3, "{most}");
}
