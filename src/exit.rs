//! How a command ends.

use std::process::ExitCode;

/// How a command ends. Where several hold, the greatest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything held.
    #[default]
    Passed,
    /// Something that a scenario declares was never exercised, although enough seeds ran.
    NeverExercised,
    /// An invariant or expectation failed, or a valid history does not match the code.
    Failed,
    /// A run was not deterministic.
    NotDeterministic,
    /// The command line, a file, or a place to write to is not usable.
    Usage,
    /// No server can be reached.
    Unreachable,
    /// A bug of Steadfast, or a panic in the suite's code.
    Bug,
    /// Interrupted from outside.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotDeterministic => 3,
            Self::NeverExercised => 4,
            Self::Unreachable => 5,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_beats_one_beats_four() {
        let worst = |exits: &[Exit]| exits.iter().copied().max().unwrap_or_default().code();
        assert_eq!(
            worst(&[Exit::NeverExercised, Exit::Failed, Exit::NotDeterministic]),
            3
        );
        assert_eq!(worst(&[Exit::NeverExercised, Exit::Failed]), 1);
        assert_eq!(worst(&[Exit::Passed, Exit::NeverExercised]), 4);
        assert_eq!(worst(&[]), 0);
    }
}
