//! The label of a task, in one pointer: the location of its spawn, and its name if it has one.
//!
//! ```text
//!   pointer, lowest bit 0 ──▶ Location (in the program's constants)
//!   pointer, lowest bit 1 ──▶ Named (on the heap, the label's own): location, name
//! ```

use std::fmt;
use std::num::NonZero;
use std::panic::Location;
use std::ptr::NonNull;

/// The bit of a label with a name.
const NAMED: usize = 1;
// Both kinds of pointer have the bit to spare.
const _: () = assert!(align_of::<Location<'static>>() > NAMED && align_of::<Named>() > NAMED);

/// The location of the spawn, and the name if there is one. Constant, so every thread may read it.
///
/// Invariant: the pointer is a `&'static Location`, or, with the bit, a `Box<Named>` that belongs
/// to this label.
pub(crate) struct Label(NonNull<()>);

/// The label of a named task.
struct Named {
    location: &'static Location<'static>,
    name: Box<str>,
}

// SAFETY: both kinds of target are `Send` and `Sync`, and constant.
unsafe impl Send for Label {}
// SAFETY: both kinds of target are `Sync`, and constant.
unsafe impl Sync for Label {}

impl Label {
    /// Creates a label with or without a name.
    #[inline]
    pub(crate) fn new(location: &'static Location<'static>, name: Option<Box<str>>) -> Self {
        match name {
            Some(name) => Self::named(Named { location, name }),
            None => Self(NonNull::from(location).cast()),
        }
    }

    fn named(named: Named) -> Self {
        let pointer = NonNull::from(Box::leak(Box::new(named)));
        Self(pointer.map_addr(|address| address | NAMED).cast())
    }

    #[inline]
    pub(super) fn is_named(&self) -> bool {
        self.0.addr().get() & NAMED != 0
    }

    /// Returns the pointer without the bit, if there is a name.
    fn heap(&self) -> Option<NonNull<Named>> {
        if !self.is_named() {
            return None;
        }
        let clear = |address: NonZero<usize>| {
            NonZero::new(address.get() & !NAMED).expect("a box is not at address zero")
        };
        Some(self.0.map_addr(clear).cast())
    }

    fn get_named(&self) -> Option<&Named> {
        // SAFETY: the invariant; the box lives as long as the label, and is only read.
        self.heap().map(|named| unsafe { named.as_ref() })
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        match self.get_named() {
            Some(named) => named.location,
            // SAFETY: the invariant; without the bit it is a `&'static Location`.
            None => unsafe { self.0.cast().as_ref() },
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.get_named().map(|named| &*named.name)
    }
}

impl Drop for Label {
    #[inline]
    fn drop(&mut self) {
        if let Some(named) = self.heap() {
            // SAFETY: the invariant; the box belongs to this label, which is dropped.
            drop(unsafe { Box::from_raw(named.as_ptr()) });
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Label")
            .field("location", self.location())
            .field("name", &self.name())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_pointer_and_returns_its_contents() {
        assert_eq!(size_of::<Label>(), size_of::<usize>());
        let here = Location::caller();
        let plain = Label::new(here, None);
        assert_eq!((plain.location(), plain.name()), (here, None));
        let named = Label::new(here, Some("fetch".into()));
        assert_eq!((named.location(), named.name()), (here, Some("fetch")));
        let empty = Label::new(here, Some("".into()));
        assert_eq!((empty.location(), empty.name()), (here, Some("")));
    }
}
