//! Who counts the suspensions of a future and freezes it: see the picture in the module above.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker, ready};

/// Where a probed future stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProbeStage {
    /// Its suspensions are counted.
    Counting,
    /// It was suspended often enough: nobody may poll it.
    Frozen,
    /// It was cancelled: it may be polled.
    Released,
    /// It has ended, or was dropped.
    Over,
}

/// What is known about a probed future. It is also the waker that the future gets.
pub(super) struct Probe {
    /// Whether it is ended only when it has been woken.
    when_woken: bool,
    /// What changes.
    state: Mutex<ProbeState>,
}

/// The part of a [`Probe`] that changes.
struct ProbeState {
    /// Where the future stands.
    stage: ProbeStage,
    /// How often it was suspended.
    suspensions: usize,
    /// At which suspension it is frozen.
    freezes_at: usize,
    /// Whether it was woken since the last poll.
    woken: bool,
    /// Who polls it.
    poller: Option<Waker>,
    /// Who ends it.
    ender: Option<Waker>,
}

impl ProbeState {
    /// Whether the future may be ended now.
    fn may_end(&self, when_woken: bool) -> bool {
        self.stage == ProbeStage::Frozen && (self.woken || !when_woken)
    }
}

impl Probe {
    /// Of a future that was not polled.
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

    /// What changes.
    fn state(&self) -> MutexGuard<'_, ProbeState> {
        self.state.lock().expect("nothing panics under this lock")
    }

    /// Whether the future may be ended now.
    pub(super) fn may_end(&self) -> bool {
        self.state().may_end(self.when_woken)
    }

    /// Whether the future has gone.
    pub(super) fn is_over(&self) -> bool {
        self.state().stage == ProbeStage::Over
    }

    /// Wakes whoever ends the future.
    fn wake_ender(&self) {
        let ender = self.state().ender.take();
        if let Some(ender) = ender {
            ender.wake();
        }
    }

    /// Begins a poll of the future; pending while nobody may poll it.
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

    /// The future was suspended.
    fn suspended(&self) {
        let mut state = self.state();
        state.suspensions += 1;
        if state.stage == ProbeStage::Counting && state.suspensions == state.freezes_at {
            state.stage = ProbeStage::Frozen;
            drop(state);
            self.wake_ender();
        }
    }

    /// The future has ended.
    fn over(&self) {
        self.state().stage = ProbeStage::Over;
        self.wake_ender();
    }

    /// Waits until the future may be ended, `true`, or has ended, `false`.
    pub(super) async fn frozen(&self) -> bool {
        poll_fn(|cx| self.poll_frozen(cx)).await
    }

    /// See [`frozen`](Probe::frozen).
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

    /// Lets the future be polled again; a wake that came meanwhile gets through. It is frozen once more at its next
    /// suspension, if `again`.
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
        // Whoever drops the future has polled it before.
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

/// The future under test, and who watches it.
pub(super) struct Probed<F> {
    /// The future, until it has ended.
    future: Option<Pin<Box<F>>>,
    /// Who watches.
    probe: Arc<Probe>,
}

impl<F: Future> Probed<F> {
    /// Watches `future`.
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
