//! Clocks of foreign code: timers that the world does not know of.
//!
//! Code that brings its own timers (those of an async runtime) cannot say when the next one is due. But nothing happens
//! in the world before its next event. So, whenever time is about to move, a foreign clock goes first: as far as the
//! world would go, and no further than to the first moment at which its timers wake somebody. Whom they wake is told
//! by a [`Bell`].

use std::{cell::RefCell, fmt, rc::Rc};

use super::{process::Peer, time::Time};

/// See the module documentation.
pub trait ForeignClock: fmt::Debug {
    /// Goes to `until`, or to the first moment before it at which a timer rings a [`Bell`]; says where it is now.
    fn advance(&mut self, until: Time) -> Time;
}

/// Who was rung for, and the token of the timer that they get.
pub(crate) type Rung = Rc<RefCell<Vec<(Peer, u64)>>>;

/// Wakes a process from outside of its handlers: a timer of its own fires at once.
#[derive(Clone, Debug)]
pub struct Bell {
    me: Peer,
    token: u64,
    rung: Rung,
}

impl Bell {
    pub(crate) fn new(me: Peer, token: u64, rung: Rung) -> Self {
        Self { me, token, rung }
    }

    /// Rings.
    pub fn ring(&self) {
        let mut rung = self.rung.borrow_mut();
        let mine = (self.me, self.token);
        if !rung.contains(&mine) {
            rung.push(mine);
        }
    }
}
