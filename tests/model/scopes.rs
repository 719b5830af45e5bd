//! Statements with shields and groups, and the one that holds a begun block.

use std::task::Poll;

use wheelhouse::{GroupError, TaskGroup, finally, shield, task_group, try_gather};

use crate::machine::{Failed, Flow, Fut, Handle, Here, Stop, block, noted};
use crate::program::{Block, Keep, Stmt};

impl<'env> Stop for TaskGroup<'_, 'env, Failed> {
    fn stop(&self) {
        self.cancel();
    }
}

/// Runs one of them.
pub(crate) fn one<'a>(here: Here<'a>, stmt: &'a Stmt) -> Fut<'a, Flow> {
    Box::pin(async move {
        match stmt {
            Stmt::Shield(name, body) => {
                let flow = shield(block(here, body)).await;
                noted(here, flow, format!("shielded {name}"))
            }
            Stmt::Finally(name, body, cleanup) => {
                let cleanup = async {
                    let flow = block(here, cleanup).await;
                    noted(here, flow, format!("shielded {name}"));
                };
                finally(block(here, body), cleanup).await
            }
            Stmt::TryGather(name, limit, branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| async move { block(here, branch).await.result() });
                let gathered = try_gather(branches.collect::<Vec<_>>());
                let limited = match limit {
                    0 => gathered,
                    limit => gathered.limit(*limit),
                };
                match limited.await {
                    Ok(_flows) => noted(here, Flow::Next, format!("gathered {name}")),
                    Err(Failed) => {
                        here.world.say(format!("try failed {name}"), "");
                        Flow::Fail
                    }
                }
            }
            Stmt::Group(name, children, body) => group(here, *name, children, body).await,
            Stmt::Hold(name, held, others, keep) => hold(here, *name, (held, others), *keep).await,
            other => unreachable!("{other:?} needs no scope"),
        }
    })
}

async fn group<'a>(
    here: Here<'a>,
    name: usize,
    children: &'a [(usize, Block)],
    body: &'a Block,
) -> Flow {
    let outcome = task_group(async |g: &TaskGroup<'_, 'a, Failed>| {
        for (task, child) in children {
            let inside = Here {
                task: *task,
                group: Some(g),
                ..here
            };
            let handle = g.spawn(async move {
                inside.world.say(format!("start {task}"), "");
                block(inside, child).await.result().map(drop)
            });
            here.world
                .admit(*task, handle.cancel_handle(), Handle::Child(handle));
        }
        let inside = Here {
            group: Some(g),
            ..here
        };
        block(inside, body).await.result()
    })
    .await;
    match outcome {
        Ok(flow) => noted(here, flow, format!("group {name}")),
        Err(GroupError::Cancelled(_)) => noted(here, Flow::Next, format!("group cancelled {name}")),
        Err(_failed) => noted(here, Flow::Next, format!("group failed {name}")),
    }
}

async fn hold<'a>(here: Here<'a>, name: usize, code: (&'a Block, &'a [Block]), keep: Keep) -> Flow {
    let (held, others) = code;
    let mut job = block(here, held);
    for other in others {
        if let Poll::Ready(flow) = futures::poll!(&mut job) {
            return noted(here, flow, format!("held {name}"));
        }
        let flow = block(here, other).await;
        if flow != Flow::Next {
            return flow;
        }
    }
    match keep {
        Keep::Drop => {
            drop(job);
            noted(here, Flow::Next, format!("dropped {name}"))
        }
        Keep::Finish => noted(here, job.await, format!("held {name}")),
    }
}
