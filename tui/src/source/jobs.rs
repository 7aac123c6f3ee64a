//! Work that no source has to do: looking through events, and replaying them. Each job has a thread, and a panic in it
//! is an answer, not the end of the program.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use steadfast_proto::temporal::api::history::v1::History as Exported;
use steadfast_replay::{Registry, ReplayError, replay_history};

use super::{Data, Outcome, Replayed, Reply, Request, Source};
use crate::history::search::search;

/// The registered workflows, by build.
pub type Builds = BTreeMap<String, Registry>;

thread_local! {
    static IN_JOB: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread does a job, whose panics are answers.
pub fn in_job() -> bool {
    IN_JOB.get()
}

/// Answers a request: here, or by its source.
pub fn ask(source: &Arc<dyn Source>, builds: &Arc<Builds>, request: Request, reply: Reply) {
    match request {
        Request::Search(segments, pattern) => spawn(reply, move |reply| {
            search(&segments, &pattern, |places| reply.send(Data::Hits(places)));
            None
        }),
        Request::Replay(segments) => {
            let builds = Arc::clone(builds);
            spawn(reply, move |reply| {
                let events = segments.iter().flat_map(|segment| segment.events.iter());
                let history = Exported {
                    events: events.map(|event| event.message.clone()).collect(),
                };
                let mut all: Vec<Replayed> = builds
                    .iter()
                    .map(|(build, registry)| replay(build, registry, &history))
                    .collect();
                // What follows the history first, then what says most about why not.
                all.sort_by_key(|replayed| std::cmp::Reverse(replayed.outcome.rank()));
                reply.send(Data::Replayed(all));
                None
            });
        }
        request => Arc::clone(source).ask(request, reply),
    }
}

fn replay(build: &str, registry: &Registry, history: &Exported) -> Replayed {
    let outcome = match catch_unwind(AssertUnwindSafe(|| replay_history(registry, history))) {
        Ok(Ok(report)) => Outcome::Same {
            events: report.events,
        },
        Ok(Err(ReplayError::NonDeterminism(difference))) => Outcome::Differs(difference),
        Ok(Err(error @ ReplayError::TaskFailed { .. })) => Outcome::Failed(error.to_string()),
        Ok(Err(error)) => Outcome::Unusable(error.to_string()),
        Err(panic) => Outcome::Failed(format!("the code panicked: {}", told(&*panic))),
    };
    Replayed {
        build: build.to_owned(),
        outcome,
    }
}

/// Does a job on a thread of its own; what it returns is what was wrong.
pub fn spawn(reply: Reply, job: impl FnOnce(&Reply) -> Option<String> + Send + 'static) {
    let answer = reply.clone();
    let work = move || {
        IN_JOB.set(true);
        let trouble = catch_unwind(AssertUnwindSafe(|| job(&reply)));
        reply.done(
            trouble
                .unwrap_or_else(|panic| Some(format!("a bug of the console: {}", told(&*panic)))),
        );
    };
    let thread = thread::Builder::new()
        .name("console job".to_owned())
        .spawn(work);
    if let Err(error) = thread {
        // The loop that would take it is the one that asks: it must not wait for itself.
        let why = format!("no thread for it: {error}");
        let _full = answer
            .to
            .try_send(crate::app::Msg::Data(answer.id, Data::Done(Some(why))));
    }
}

/// The message of a panic.
pub fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
