//! Children of different types: tuples of up to 12 futures, each as a [`Set`].

use super::Branches;
use super::slot::{Set, Slot, TrySet};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Implements the set of one arity from its name, its length, and the type, value type, field and
/// index of each child.
macro_rules! tuple {
    ($Set:ident, $count:literal, $($F:ident $T:ident $field:ident $index:literal),+) => {
        pin_project! {
            /// The children of a tuple, in place.
            #[doc(hidden)]
            pub struct $Set<$($F: Future),+> {
                $(#[pin] $field: Slot<$F>,)+
            }
        }

        impl<$($F: Future),+> Set for $Set<$($F),+> {
            type Output = ($($F::Output,)+);

            fn count(&self) -> usize {
                $count
            }

            fn poll_child(self: Pin<&mut Self>, index: usize, cx: &mut Context<'_>) -> Poll<()> {
                let this = self.project();
                match index {
                    $($index => this.$field.poll(cx),)+
                    _ => no_such(index),
                }
            }

            fn clear_child(self: Pin<&mut Self>, index: usize) {
                let this = self.project();
                match index {
                    $($index => this.$field.clear(),)+
                    _ => no_such(index),
                }
            }

            fn take(self: Pin<&mut Self>) -> Self::Output {
                let this = self.project();
                ($(this.$field.take(),)+)
            }
        }

        impl<$($F, $T,)+ E> TrySet for $Set<$($F),+>
        where
            $($F: Future<Output = Result<$T, E>>,)+
        {
            type Values = ($($T,)+);
            type Error = E;

            fn take_error(self: Pin<&mut Self>, index: usize) -> Option<E> {
                let this = self.project();
                match index {
                    $($index => this.$field.take_error(),)+
                    _ => no_such(index),
                }
            }

            fn take_values(self: Pin<&mut Self>) -> Self::Values {
                let this = self.project();
                ($(this.$field.take_value(),)+)
            }
        }

        impl<$($F: IntoFuture),+> Branches for ($($F,)+) {
            type Output = ($($F::Output,)+);
            type Set = $Set<$($F::IntoFuture),+>;

            fn into_set(self) -> Self::Set {
                let ($($field,)+) = self;
                $Set { $($field: Slot::new($field.into_future()),)+ }
            }
        }
    };
}

/// Panics: the engine passes only indices below the length of the tuple.
fn no_such(index: usize) -> ! {
    unreachable!("the tuple has no future {index}")
}

tuple!(Set1, 1, A TA a 0);
tuple!(Set2, 2, A TA a 0, B TB b 1);
tuple!(Set3, 3, A TA a 0, B TB b 1, C TC c 2);
tuple!(Set4, 4, A TA a 0, B TB b 1, C TC c 2, D TD d 3);
tuple!(Set5, 5, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4);
tuple!(Set6, 6, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5);
tuple!(Set7, 7, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6);
tuple!(Set8, 8, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6, I TI i 7);
tuple!(Set9, 9, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6, I TI i 7, J TJ j 8);
tuple!(Set10, 10, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6, I TI i 7, J TJ j 8, K TK k 9);
tuple!(Set11, 11, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6, I TI i 7, J TJ j 8, K TK k 9, L TL l 10);
tuple!(Set12, 12, A TA a 0, B TB b 1, C TC c 2, D TD d 3, F TF f 4, G TG g 5, H TH h 6, I TI i 7, J TJ j 8, K TK k 9, L TL l 10, M TM m 11);

/// The set of the empty tuple.
#[doc(hidden)]
#[derive(Debug)]
pub struct EmptySet;

impl Set for EmptySet {
    type Output = ();

    fn count(&self) -> usize {
        0
    }

    fn poll_child(self: Pin<&mut Self>, index: usize, _: &mut Context<'_>) -> Poll<()> {
        no_such(index)
    }

    fn clear_child(self: Pin<&mut Self>, index: usize) {
        no_such(index)
    }

    fn take(self: Pin<&mut Self>) {}
}

impl TrySet for EmptySet {
    type Values = ();
    type Error = Infallible;

    fn take_error(self: Pin<&mut Self>, index: usize) -> Option<Infallible> {
        no_such(index)
    }

    fn take_values(self: Pin<&mut Self>) {}
}

impl Branches for () {
    type Output = ();
    type Set = EmptySet;

    fn into_set(self) -> EmptySet {
        EmptySet
    }
}
