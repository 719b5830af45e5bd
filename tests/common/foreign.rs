//! The combinators of others, put between two of ours.

use std::future::{Future, pending, ready};
use std::pin::pin;

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};

/// Which combinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// `futures::join!`, with a neighbour that is ready at once.
    Join,
    /// `futures::select!`, with a neighbour that is never ready.
    Select,
    /// `FuturesUnordered`, with such a neighbour.
    Unordered,
}

impl Foreign {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Join, Self::Select, Self::Unordered];

    /// What `future` gives, run beside a neighbour inside the combinator.
    pub(crate) async fn around<F: Future>(self, future: F) -> F::Output {
        match self {
            Self::Join => futures::join!(future, ready(())).0,
            Self::Select => {
                let mut future = pin!(future.fuse());
                let mut neighbour = pending::<()>().fuse();
                futures::select! {
                    value = future => value,
                    () = neighbour => unreachable!("it is never ready"),
                }
            }
            Self::Unordered => {
                let neighbour = pending::<F::Output>().right_future();
                let members = [future.left_future(), neighbour].into_iter();
                let mut members: FuturesUnordered<_> = members.collect();
                members.next().await.expect("there are two")
            }
        }
    }
}
