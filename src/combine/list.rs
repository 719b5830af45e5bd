//! Children of one type: a `Vec` or an array of them, as a [`Set`].

use super::Branches;
use super::node::pinned_at;
use super::slot::{Set, Slot, TrySet};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The children of a `Vec`, in one allocation.
#[doc(hidden)]
pub struct List<F: Future> {
    slots: Pin<Box<[Slot<F>]>>,
}

impl<F: Future> List<F> {
    pub(super) fn new<I>(futures: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<IntoFuture = F>,
    {
        let slots = futures
            .into_iter()
            .map(|future| Slot::new(future.into_future()));
        Self {
            slots: Box::into_pin(slots.collect()),
        }
    }

    pub(super) fn at(&mut self, index: usize) -> Pin<&mut Slot<F>> {
        pinned_at(self.slots.as_mut(), index)
    }
}

impl<F: Future> Set for List<F> {
    type Output = Vec<F::Output>;

    fn count(&self) -> usize {
        self.slots.len()
    }

    fn poll_child(mut self: Pin<&mut Self>, index: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.at(index).poll(cx)
    }

    fn clear_child(mut self: Pin<&mut Self>, index: usize) {
        self.at(index).clear();
    }

    fn take(mut self: Pin<&mut Self>) -> Self::Output {
        (0..self.count())
            .map(|index| self.at(index).take())
            .collect()
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> TrySet for List<F> {
    type Values = Vec<T>;
    type Error = E;

    fn take_error(mut self: Pin<&mut Self>, index: usize) -> Option<E> {
        self.at(index).take_error()
    }

    fn take_values(mut self: Pin<&mut Self>) -> Vec<T> {
        (0..self.count())
            .map(|index| self.at(index).take_value())
            .collect()
    }
}

impl<F: Future> fmt::Debug for List<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("futures", &self.count())
            .finish()
    }
}

impl<F: IntoFuture> Branches for Vec<F> {
    type Output = Vec<F::Output>;
    type Set = List<F::IntoFuture>;

    fn into_set(self) -> Self::Set {
        List::new(self)
    }
}

impl<F: Future, const N: usize> Set for [Slot<F>; N] {
    type Output = [F::Output; N];

    fn count(&self) -> usize {
        N
    }

    fn poll_child(self: Pin<&mut Self>, index: usize, cx: &mut Context<'_>) -> Poll<()> {
        pinned_at::<Slot<F>>(self, index).poll(cx)
    }

    fn clear_child(self: Pin<&mut Self>, index: usize) {
        pinned_at::<Slot<F>>(self, index).clear();
    }

    fn take(mut self: Pin<&mut Self>) -> Self::Output {
        std::array::from_fn(|index| pinned_at::<Slot<F>>(self.as_mut(), index).take())
    }
}

impl<F: Future<Output = Result<T, E>>, T, E, const N: usize> TrySet for [Slot<F>; N] {
    type Values = [T; N];
    type Error = E;

    fn take_error(self: Pin<&mut Self>, index: usize) -> Option<E> {
        pinned_at::<Slot<F>>(self, index).take_error()
    }

    fn take_values(mut self: Pin<&mut Self>) -> [T; N] {
        std::array::from_fn(|index| pinned_at::<Slot<F>>(self.as_mut(), index).take_value())
    }
}

impl<F: IntoFuture, const N: usize> Branches for [F; N] {
    type Output = [F::Output; N];
    type Set = [Slot<F::IntoFuture>; N];

    fn into_set(self) -> Self::Set {
        self.map(|future| Slot::new(future.into_future()))
    }
}
