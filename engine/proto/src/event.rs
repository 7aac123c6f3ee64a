//! History events and commands: short names of their types, and which attributes belong to which
//! type.
//!
//! The tables are generated beside the messages: `ALL`, `short_name`, conversions from each kind of
//! attributes into the sum of them, and the type of an event or command that has these attributes.

use crate::temporal::api::{
    command::v1::Command,
    enums::v1::{CommandType, EventType},
    history::v1::HistoryEvent,
};

include!(concat!(env!("OUT_DIR"), "/events.rs"));

impl EventType {
    /// The type of that [short name](Self::short_name), which is also how older exports write it.
    pub fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.short_name() == name)
    }
}

impl HistoryEvent {
    /// Whether the attributes are present and those of the event's type.
    pub fn attributes_match_type(&self) -> bool {
        let of_attributes = self.attributes.as_ref().map(|a| a.event_type());
        of_attributes.is_some_and(|t| i32::from(t) == self.event_type)
    }
}

impl CommandType {
    /// The type of that [short name](Self::short_name).
    pub fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.short_name() == name)
    }
}

impl Command {
    /// Whether the attributes are present and those of the command's type.
    pub fn attributes_match_type(&self) -> bool {
        let of_attributes = self.attributes.as_ref().map(|a| a.command_type());
        of_attributes.is_some_and(|t| i32::from(t) == self.command_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::api::command::v1::StartTimerCommandAttributes;
    use crate::temporal::api::history::v1::{
        TimerFiredEventAttributes, TimerStartedEventAttributes,
    };

    #[test]
    fn short_names_lead_back_to_their_types() {
        assert_eq!(
            EventType::WorkflowExecutionStarted.short_name(),
            "WorkflowExecutionStarted"
        );
        for event_type in EventType::ALL {
            assert_eq!(
                EventType::from_short_name(event_type.short_name()),
                Some(event_type)
            );
        }
        assert_eq!(EventType::from_short_name("WorkflowExecutionSlept"), None);
        for command_type in CommandType::ALL {
            let name = command_type.short_name();
            assert_eq!(CommandType::from_short_name(name), Some(command_type));
        }
    }

    #[test]
    fn attributes_must_be_those_of_the_type() {
        let mut event = HistoryEvent {
            event_type: EventType::TimerFired.into(),
            attributes: Some(TimerFiredEventAttributes::default().into()),
            ..HistoryEvent::default()
        };
        assert!(event.attributes_match_type());
        event.attributes = Some(TimerStartedEventAttributes::default().into());
        assert!(!event.attributes_match_type());
        event.attributes = None;
        assert!(!event.attributes_match_type());
    }

    #[test]
    fn commands_too() {
        let mut command = Command {
            command_type: CommandType::StartTimer.into(),
            attributes: Some(StartTimerCommandAttributes::default().into()),
            ..Command::default()
        };
        assert!(command.attributes_match_type());
        command.command_type = CommandType::CancelTimer.into();
        assert!(!command.attributes_match_type());
    }
}
