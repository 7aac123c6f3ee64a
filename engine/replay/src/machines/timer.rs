//! A timer.
//!
//! | state | cancel | started recorded | fired | cancel recorded |
//! |---|---|---|---|---|
//! | Created | Unsent | Running | – | – |
//! | Running | Cancelling, `CancelTimer` | – | Done, job | – |
//! | Cancelling | – | – | mismatch | Done |
//! | Unsent, Done | – | – | – | – |

use steadfast_proto::temporal::api::{
    command::v1::{CancelTimerCommandAttributes, command::Attributes as Cmd},
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Effects, Key, impossible, unexpected};
use crate::{
    error::Result,
    language::{Job, Notes},
};

#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) state: State,
    seq: u32,
    notes: Notes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Created,
    Unsent,
    Running,
    Cancelling,
    Done,
}

impl Timer {
    pub(crate) fn new(seq: u32, notes: Notes) -> Self {
        Self {
            state: State::Created,
            seq,
            notes,
        }
    }

    pub(crate) fn cancel(&mut self, key: Key, notes: Notes, effects: &mut Effects) {
        self.notes.override_with(notes);
        match self.state {
            State::Created => self.state = State::Unsent,
            State::Running => {
                self.state = State::Cancelling;
                let attributes = Cmd::CancelTimerCommandAttributes(CancelTimerCommandAttributes {
                    timer_id: self.seq.to_string(),
                });
                effects.issue(key, attributes, self.notes.clone());
            }
            State::Unsent | State::Cancelling | State::Done => {}
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self.state {
            State::Cancelling => format!("CancelTimer (id {})", self.seq),
            _ => format!("StartTimer (id {})", self.seq),
        }
    }

    pub(crate) fn recorded(&mut self) {
        self.state = match self.state {
            State::Created => State::Running,
            State::Cancelling | State::Unsent | State::Running | State::Done => State::Done,
        };
    }

    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        let Some(Attributes::TimerFiredEventAttributes(fired)) = &event.attributes else {
            return Err(unexpected(event, "a timer"));
        };
        if self.state != State::Running {
            return Err(
                impossible(event, self.describe(), "the code has cancelled the timer").into(),
            );
        }
        if fired.timer_id != self.seq.to_string() {
            let why = format!(
                "Timer fired event did not have expected timer id {}, it was {}!",
                self.seq, fired.timer_id
            );
            return Err(impossible(event, self.describe(), why).into());
        }
        self.state = State::Done;
        effects.job(Job::FireTimer { seq: self.seq });
        Ok(())
    }
}
