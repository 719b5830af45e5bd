//! Third-party combinators, for use between two of ours.

use std::future::{Future, pending, ready};
use std::pin::pin;

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};

/// A third-party combinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combinator {
    /// `futures::join!`, with a second future that is ready at once.
    Join,
    /// `futures::select!`, with a second future that is never ready.
    Select,
    /// `FuturesUnordered`, with such a second future.
    Unordered,
}

impl Combinator {
    pub(crate) const ALL: [Self; 3] = [Self::Join, Self::Select, Self::Unordered];

    /// Runs `future` in the combinator, beside another future. Returns its output.
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
