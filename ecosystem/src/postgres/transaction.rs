//! Transactions that end as their body does.
//!
//! ```text
//!   BEGIN ── body ─┬─ Ok ─────────────────▶ COMMIT, which nothing cuts off
//!                  ├─ Err ────────────────▶ ROLLBACK                              then the error is given,
//!                  ├─ a panic ────────────▶ cancel request, ROLLBACK              the panic goes on,
//!                  └─ a cancellation ─────▶ cancel request, ROLLBACK              the cancellation is resumed
//!                                             │ no answer
//!                                             └──▶ the connection is closed
//! ```

use std::mem::forget;
use std::pin::pin;
use std::time::Duration;

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use wheelhouse::{finally_with, shield, timeout};

use super::session::Bound;
use super::{Error, Interrupt, Session};

/// How long a ROLLBACK may go unanswered before the server is asked (again) to stop what it does.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs `body` in a transaction: commits if it gives `Ok`; rolls back if it gives `Err`, panics, or is cancelled.
///
/// By the time this ends the server has answered, so the session can be used at once. When the body is cancelled (its
/// task, a [`timeout`] around it, its group) the server is asked to stop the query that runs, the
/// transaction is rolled back, and then the cancellation goes on: a timeout gives `Elapsed` after the
/// rollback. All that is bounded: if the server does not answer within five seconds ([`Session::set_limit`]), the
/// connection is closed.
///
/// asyncpg says this with `async with connection.transaction():`.
///
/// # Cancel safety
/// Nothing is left half done. A COMMIT that was begun is finished, and its outcome given. Foreign code that drops this
/// (`select!`) leaves the rollback to the connection, and the query that runs, to its end.
///
/// # Errors
/// What the body gave. [`Error::Query`] when the server did not begin or commit; [`Error::Unanswered`] when it did not
/// answer to the COMMIT, of which it is then unknown whether it was carried out.
///
/// # Panics
/// When the body does, after the rollback.
pub async fn transaction<T, E, B>(session: &mut Session, body: B) -> Result<T, E>
where
    B: AsyncFnOnce(&mut Transaction<'_>) -> Result<T, E>,
    E: From<Error>,
{
    let (client, bound) = session.parts();
    let open = Open {
        transaction: Some(client.transaction().await.map_err(Error::from)?),
        may_be_busy: true,
    };
    finally_with(
        open,
        async |open| {
            let value = match &mut open.transaction {
                Some(transaction) => body(transaction).await,
                None => unreachable!("it is taken by the lines below"),
            };
            open.may_be_busy = false;
            let value = value?;
            open.commit(&bound).await?;
            Ok(value)
        },
        async |open| open.end(&bound).await,
    )
    .await
}

/// A transaction that was begun.
struct Open<'a> {
    /// tokio-postgres' own; `None` when it was ended. Its destructor rolls back, and waits for nothing.
    transaction: Option<Transaction<'a>>,
    /// Whether the server may be running a query of it: the body did not come to its end.
    may_be_busy: bool,
}

impl Open<'_> {
    /// Commits, whoever is cancelled meanwhile.
    async fn commit(&mut self, bound: &Bound<'_>) -> Result<(), Error> {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        // After a query that failed, a lone COMMIT is answered with success, and rolls back.
        // Any query before it fails then, and the error is ours to give.
        let commit = transaction.batch_execute("SELECT; COMMIT");
        match shield(bound.wait(commit)).await? {
            Ok(()) => {
                forget(transaction);
                Ok(())
            }
            Err(error) => {
                self.transaction = Some(transaction);
                Err(error.into())
            }
        }
    }

    /// Rolls back what was not committed. Runs in the shield of `finally_with`, so nothing cuts it off but the time.
    async fn end(self, bound: &Bound<'_>) {
        let Some(transaction) = self.transaction else {
            return;
        };
        let ending = async {
            if self.may_be_busy {
                // Should it not get through, it is sent again below.
                bound.interrupt.send().await.ok();
            }
            roll_back(&transaction, &bound.interrupt).await
        };
        // Without an answer the connection is closed by now, or broken, and the server rolls back for that.
        if let Ok(Ok(())) = bound.wait(ending).await {
            // It is over: nothing is left for the destructor to do.
            forget(transaction);
        }
    }
}

/// Rolls back, and gives the server's answer.
async fn roll_back(
    transaction: &Transaction<'_>,
    interrupt: &Interrupt,
) -> Result<(), tokio_postgres::Error> {
    loop {
        match said(transaction, "ROLLBACK", interrupt).await {
            // A request of ours came when the query had ended, and hit this instead.
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
            outcome => return outcome,
        }
    }
}

/// Sends a statement and waits for its answer; while there is none, asks the server to stop what it does.
async fn said(
    transaction: &Transaction<'_>,
    statement: &str,
    interrupt: &Interrupt,
) -> Result<(), tokio_postgres::Error> {
    let mut answer = pin!(transaction.batch_execute(statement));
    loop {
        match timeout(PATIENCE, answer.as_mut()).await {
            Ok(answer) => return answer,
            Err(_elapsed) => drop(interrupt.send().await),
        }
    }
}
