//! Transactions that commit or roll back when their body ends.
//!
//! ```text
//!   BEGIN ── body ─┬─ Ok ───────────▶ COMMIT (shielded)
//!                  ├─ Err ──────────▶ ROLLBACK ───────▶ returns the error
//!                  ├─ panic ────────▶ cancel request,
//!                  │                  ROLLBACK ───────▶ resumes the panic
//!                  └─ cancellation ─▶ cancel request,
//!                                     ROLLBACK ───────▶ resumes the cancellation
//!                                        │ no answer
//!                                        └──▶ the connection is closed
//! ```

use std::mem::forget;
use std::pin::pin;
use std::time::Duration;

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use wheelhouse::{finally_with, shield, timeout};

use super::session::Bound;
use super::{Error, Interrupt, Session};

/// The time after which an unanswered ROLLBACK leads to another cancel request.
const ROLLBACK_TIMEOUT: Duration = Duration::from_millis(100);

/// Runs `body` in a transaction. Commits if it returns `Ok`; rolls back if it returns `Err`,
/// panics, or is cancelled.
///
/// When this ends, the server has answered, so the session can be used at once. If the body is
/// cancelled (its task, a [`timeout`] around it, its group), the server is asked to stop the
/// running query, the transaction is rolled back, and then the cancellation propagates: a timeout
/// returns `Elapsed` after the rollback. If the server does not answer within five seconds
/// ([`Session::set_limit`]), the connection is closed.
///
/// In asyncpg, this is `async with connection.transaction():`.
///
/// # Cancel safety
/// A COMMIT that was begun is finished, and its result returned. If third-party code drops this
/// future (`select!`), the connection rolls back later, after the running query has ended.
///
/// # Errors
/// The error of the body. [`Error::Query`] if the server did not begin or commit.
/// [`Error::Unanswered`] if it did not answer the COMMIT; then it is unknown whether the
/// transaction was committed.
///
/// # Panics
/// If the body panics; after the rollback.
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

/// A transaction that has begun.
struct Open<'a> {
    /// The transaction of tokio-postgres; `None` after its end. Its destructor sends a ROLLBACK
    /// without waiting for the answer.
    transaction: Option<Transaction<'a>>,
    /// Whether the server may be running a query, because the body did not end by itself.
    may_be_busy: bool,
}

impl Open<'_> {
    /// Commits. A cancellation does not interrupt this.
    async fn commit(&mut self, bound: &Bound<'_>) -> Result<(), Error> {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        // After a failed query, a COMMIT succeeds but rolls back. An empty query before it fails in
        // that case, and its error is returned.
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

    /// Rolls back if the transaction was not committed. Only the time limit ends this, as
    /// `finally_with` shields it.
    async fn end(self, bound: &Bound<'_>) {
        let Some(transaction) = self.transaction else {
            return;
        };
        let ending = async {
            if self.may_be_busy {
                // If it does not arrive, it is sent again below.
                bound.interrupt.send().await.ok();
            }
            roll_back(&transaction, &bound.interrupt).await
        };
        // Without an answer, the connection is closed by now, so the server rolls back.
        if let Ok(Ok(())) = bound.wait(ending).await {
            // The destructor has nothing to do.
            forget(transaction);
        }
    }
}

/// Rolls back, and returns the answer of the server.
async fn roll_back(
    transaction: &Transaction<'_>,
    interrupt: &Interrupt,
) -> Result<(), tokio_postgres::Error> {
    loop {
        match said(transaction, "ROLLBACK", interrupt).await {
            // A late cancel request has hit this statement instead of the query.
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
            outcome => return outcome,
        }
    }
}

/// Sends a statement and waits for its answer. Without an answer, asks the server to stop what it
/// runs.
async fn said(
    transaction: &Transaction<'_>,
    statement: &str,
    interrupt: &Interrupt,
) -> Result<(), tokio_postgres::Error> {
    let mut answer = pin!(transaction.batch_execute(statement));
    loop {
        match timeout(ROLLBACK_TIMEOUT, answer.as_mut()).await {
            Ok(answer) => return answer,
            Err(_elapsed) => drop(interrupt.send().await),
        }
    }
}
