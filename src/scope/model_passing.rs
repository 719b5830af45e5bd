//! The part of the [`model`](super::model) for nodes that are not polled, and for what is let out.

use super::model::{Forest, Names, Twig, Way};
use super::node::Arrival;
use super::*;

impl Forest {
    /// The code inside a node has suspended, and the owner looks for what was let out to it.
    pub(super) fn redeliver(&mut self, name: u32, woken: &mut Names) {
        let path = self.path(name);
        let above = self.owns(&path[..path.len() - 1]);
        let twig = self.at(name);
        let (Some((tag, Arrival::LetOut)), false) =
            (twig.pending, matches!(twig.kind, Kind::Join | Kind::Mask))
        else {
            return;
        };
        (twig.pending, twig.inner, twig.unheard) = (None, None, false);
        let way = Way {
            top: true,
            again: true,
        };
        if !twig.deliver(&above, tag, way, woken).0 {
            twig.pending = Some((tag, Arrival::Delivered));
        }
    }

    /// The owner of a node acts on what is pending there.
    pub(super) fn look(&mut self, name: u32) {
        let is_any_unheard = self.0.iter().any(Twig::is_any_unheard);
        let path = self.path(name);
        let twig = self.at(name);
        let (Some((tag, _)), true) = (twig.pending, is_any_unheard) else {
            return;
        };
        if twig.kind != Kind::Catch {
            return;
        }
        let tag = twig.latest.unwrap_or(tag);
        for at in path.iter().rev().skip(1) {
            let twig = self.at(*at);
            if twig.caught_inside.replace(tag) == Some(tag) || twig.own().contains(&tag) {
                return;
            }
        }
    }

    /// The owner of a node takes what is pending there.
    pub(super) fn take(&mut self, name: u32) -> Option<u32> {
        self.look(name);
        let twig = self.at(name);
        (twig.unheard, twig.inner) = (false, None);
        twig.pending.take().map(|(tag, _)| tag)
    }

    /// The poll of `top` has ended, and it is not woken again.
    pub(super) fn pass_by(&mut self, top: u32, woken: &mut Names) {
        let unpolled = self.at(top).unpolled(true);
        for &name in &unpolled {
            let path = self.path(name);
            let Some((tag, _)) = self.at(name).pending else {
                continue;
            };
            let inside = path.iter().position(|at| *at == top).expect("around") + 1;
            let owns = self.owns(&path);
            let owner = (inside..path.len()).rfind(|at| owns[*at].contains(&tag));
            if owner.is_some_and(|at| unpolled.contains(&path[at])) {
                continue;
            }
            let twig = self.at(name);
            let inner = twig.inner.take();
            twig.pending = inner.map(|inner| (inner, Arrival::Delivered));
            twig.unheard = inner.is_some();
            if self.kind(name) != Kind::Task && !self.leave_behind(&path[..path.len() - 1], tag) {
                self.outwards(&path[..path.len() - 1], tag, false, woken);
            }
        }
    }

    /// Takes a cancellation that passes by from the timeouts on the path. Returns `true` if a
    /// neighbour has caught it.
    fn leave_behind(&mut self, path: &[u32], tag: u32) -> bool {
        for name in path.iter().rev() {
            let is_root = *name == path[0];
            let twig = self.at(*name);
            if twig.caught_inside == Some(tag) {
                return true;
            }
            if is_root || twig.kind != Kind::Scope || twig.own().contains(&tag) {
                return false;
            }
            if twig.outer == Some(tag) && !twig.is_pending_inside(tag) {
                twig.outer = None;
            }
        }
        false
    }
}
