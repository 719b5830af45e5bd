//! Counts the suspensions of a future and freezes it: see the diagram in the parent module.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker, ready};

/// The state of a probed future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProbeStage {
    /// Suspensions are counted.
    Counting,
    /// The future is not polled until it is ended.
    Frozen,
    /// The future was cancelled, and is polled again.
    Released,
    /// The future has ended or was dropped.
    Over,
}

/// The observer of a probed future. It is also the waker that the future gets.
pub(super) struct Probe {
    /// Whether the future may be ended only after it has been woken.
    when_woken: bool,
    state: Mutex<ProbeState>,
}

struct ProbeState {
    stage: ProbeStage,
    suspensions: usize,
    /// The number of the suspension at which the future is frozen.
    freezes_at: usize,
    /// Whether the future was woken since its last poll.
    woken: bool,
    /// The waker of the task that polls the future.
    poller: Option<Waker>,
    /// The waker of the task that ends the future.
    ender: Option<Waker>,
}

impl ProbeState {
    fn may_end(&self, when_woken: bool) -> bool {
        self.stage == ProbeStage::Frozen && (self.woken || !when_woken)
    }
}

impl Probe {
    pub(super) fn new(freezes_at: usize, when_woken: bool) -> Self {
        Self {
            when_woken,
            state: Mutex::new(ProbeState {
                stage: ProbeStage::Counting,
                suspensions: 0,
                freezes_at,
                woken: false,
                poller: None,
                ender: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, ProbeState> {
        self.state.lock().expect("nothing panics under this lock")
    }

    pub(super) fn may_end(&self) -> bool {
        self.state().may_end(self.when_woken)
    }

    /// Returns `true` if the future has ended or was dropped.
    pub(super) fn is_over(&self) -> bool {
        self.state().stage == ProbeStage::Over
    }

    /// Wakes the task that ends the future.
    fn wake_ender(&self) {
        let ender = self.state().ender.take();
        if let Some(ender) = ender {
            ender.wake();
        }
    }

    /// Begins a poll of the future; `Pending` if the future is frozen.
    fn begin(&self, poller: &Waker) -> Poll<()> {
        let mut state = self.state();
        let old = state.poller.replace(poller.clone());
        state.woken &= state.stage == ProbeStage::Frozen;
        let stage = state.stage;
        drop(state);
        drop(old);
        assert!(stage != ProbeStage::Over, "polled after its end");
        match stage {
            ProbeStage::Frozen => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// Counts a suspension, and freezes the future if it is the chosen one.
    fn suspended(&self) {
        let mut state = self.state();
        state.suspensions += 1;
        if state.stage == ProbeStage::Counting && state.suspensions == state.freezes_at {
            state.stage = ProbeStage::Frozen;
            drop(state);
            self.wake_ender();
        }
    }

    fn over(&self) {
        self.state().stage = ProbeStage::Over;
        self.wake_ender();
    }

    /// Waits until the future may be ended (`true`) or has ended (`false`).
    pub(super) async fn frozen(&self) -> bool {
        poll_fn(|cx| self.poll_frozen(cx)).await
    }

    fn poll_frozen(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        match state.stage {
            ProbeStage::Over => Poll::Ready(false),
            _ if state.may_end(self.when_woken) => Poll::Ready(true),
            _ => {
                let old = state.ender.replace(cx.waker().clone());
                drop(state);
                drop(old);
                Poll::Pending
            }
        }
    }

    /// Allows polls of the future again, and passes on a wake that came meanwhile. With `again`,
    /// the future is frozen at its next suspension.
    pub(super) fn release(&self, again: bool) {
        let mut state = self.state();
        state.stage = match (state.stage, again) {
            (ProbeStage::Frozen, true) => ProbeStage::Counting,
            (ProbeStage::Frozen, false) => ProbeStage::Released,
            (stage, _) => stage,
        };
        state.freezes_at = state.suspensions + 1;
        let poller = state.poller.clone().filter(|_| state.woken);
        drop(state);
        if let Some(poller) = poller {
            poller.wake();
        }
    }
}

impl Wake for Probe {
    fn wake(self: Arc<Self>) {
        let mut state = self.state();
        state.woken = true;
        // In the drop modes there is no ender: the task that polls the future drops it.
        let ender = match state.stage {
            ProbeStage::Frozen => state.ender.take(),
            _ => None,
        };
        let waker = ender.or_else(|| state.poller.clone());
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The future under test, with its [`Probe`].
pub(super) struct Probed<F> {
    /// `None` after the future has ended.
    future: Option<Pin<Box<F>>>,
    probe: Arc<Probe>,
}

impl<F: Future> Probed<F> {
    pub(super) fn new(future: F, probe: &Arc<Probe>) -> Self {
        Self {
            future: Some(Box::pin(future)),
            probe: Arc::clone(probe),
        }
    }
}

impl<F: Future> Future for Probed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        ready!(this.probe.begin(cx.waker()));
        let waker = Waker::from(Arc::clone(&this.probe));
        let future = this.future.as_mut().expect("it has not ended");
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => {
                this.future = None;
                this.probe.over();
                Poll::Ready(value)
            }
            Poll::Pending => {
                this.probe.suspended();
                Poll::Pending
            }
        }
    }
}

impl<F> Drop for Probed<F> {
    fn drop(&mut self) {
        self.future = None;
        self.probe.over();
    }
}
