//! Bugs planted on purpose, to prove that the checkers are not vacuous.
//!
//! A bug is planted from outside: at a seam between a machine and the world (here), or in a suite's own code. The
//! engine has no switch for any of them.

mod saboteur;

pub(crate) use saboteur::Saboteur;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $scenario:literal, $checker:literal;)*) => {
        /// A bug of the engine, planted between its machines and the world.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// Every bug, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What is broken, in a sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim(),)*
                }
            }

            /// The shipped scenario in which it shows.
            #[must_use]
            pub const fn scenario(self) -> &'static str {
                match self {
                    $(Self::$name => $scenario,)*
                }
            }

            /// The checker that must catch it.
            #[must_use]
            pub const fn caught_by(self) -> &'static str {
                match self {
                    $(Self::$name => $checker,)*
                }
            }
        }
    };
}

bugs! {
    /// Answers leave before what they say is durable.
    AcknowledgeBeforeCommit =
        "acknowledge-before-commit", "order_fulfillment", "nothing-undurable-shown";
    /// The store believes in syncs that never happened.
    SyncSkipped = "sync-skipped", "noisy_neighbours", "acknowledged-survives";
    /// A new owner of a shard does not take over the timers.
    TimerLostOnRestart = "timer-lost-on-restart", "subscription_trial", "convergence";
    /// A task is given to two workers, and both completions are accepted.
    TaskDeliveredTwice = "task-delivered-twice", "order_fulfillment", "stale-tokens";
    /// The answer of an attempt that was given up counts for the current one.
    StaleTokenAccepted = "stale-token-accepted", "long_poller", "stale-tokens";
    /// Timers fire by a clock that is fast.
    TimerEarlyOnFastClock = "timer-early-on-fast-clock", "subscription_trial", "timers";
    /// Signals that come while a worker has a task are kept with the task, and go down with it.
    SignalLostOnTaskFailure =
        "signal-lost-on-task-failure", "order_cancelled", "acknowledged-survives";
    /// A task waits in the queue of a worker that is gone, for ever.
    StickyWithoutFallback = "sticky-without-fallback", "order_fulfillment", "convergence";
    /// An execution that was evicted is taken for one that never was.
    EvictedForgotten = "evicted-forgotten", "subscription_trial", "convergence";
    /// A start makes two runs.
    RunCreatedTwice = "run-created-twice", "order_fulfillment", "one-open-run";
    /// Attempts follow each other without a pause.
    BackoffForgotten = "backoff-forgotten", "money_transfer", "retries";
    /// Two events of one batch change places.
    EventsSwapped = "events-swapped", "order_fulfillment", "history-grammar";
    /// What is known beside the history is not written.
    RecordLost = "record-lost", "order_fulfillment", "folds";
    /// A query is answered from an earlier answer.
    QueryFromMemory = "query-from-memory", "order_cancelled", "queries-see-signals";
    /// What closes is still listed as open.
    CloseNotListed = "close-not-listed", "order_fulfillment", "visibility";
    /// An update that was accepted is forgotten with the memory of its execution, and taken once more.
    UpdateForgotten = "update-forgotten", "shopping_cart", "updates";
    /// A reset leaves behind the signals that came after its point.
    ResetForgetsSignals = "reset-forgets-signals", "second_thoughts", "resets";
    /// A schedule's start that had no answer is sent again as if it were another.
    ScheduleStartsAnew = "schedule-starts-anew", "standing_order", "schedules";
}
