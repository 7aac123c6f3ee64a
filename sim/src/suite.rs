//! What a crate registers to be simulated: workflows, activities, services, invariants, scenarios.
//!
//! A [`Suite`] holds code, never state: every run makes its own instances. So one suite is shared
//! by all threads that run seeds.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_replay::Registry;

use crate::checkers::{Closing, Judge, Outcome};
use crate::cluster::{ActivityContext, ActivityError, Service};
use crate::kernel::ForeignClock;
use crate::sabotage::Bug;
use crate::scenario::View;

/// The build that workflows belong to unless another is named.
pub const DEFAULT_BUILD: &str = "v1";

/// What a crate registers.
#[derive(Clone, Default)]
pub struct Suite {
    builds: BTreeMap<String, Registry>,
    activities: BTreeMap<String, ActivityFn>,
    services: BTreeMap<String, ServiceDeclaration>,
    invariants: BTreeMap<String, Invariant>,
    judges: BTreeMap<String, Judge>,
    scenarios: Vec<ScenarioSource>,
    sabotages: Vec<Sabotage>,
    foreign_clock: Option<ClockFn>,
}

/// What an activity comes to.
pub type ActivityFuture = Pin<Box<dyn Future<Output = Result<Payloads, ActivityError>>>>;

/// The code of an activity.
pub type ActivityFn = Arc<dyn Fn(ActivityContext, Payloads) -> ActivityFuture + Send + Sync>;

/// Makes the clock of foreign code for one run, on the thread of that run.
pub type ClockFn = fn() -> Box<dyn ForeignClock>;

/// Makes a service from its initial state; the error says what is wrong with that state.
pub type ServiceFn = Arc<dyn Fn(&Value) -> Result<Box<dyn Service>, String> + Send + Sync>;

/// A service of the outside world and what its author promises.
#[derive(Clone)]
pub struct ServiceDeclaration {
    /// Makes the service.
    pub make: ServiceFn,
    /// Which operation takes back which: compensation by forward operation.
    pub compensations: BTreeMap<String, String>,
    /// Operations that take effect at most once per key.
    pub at_most_once: Vec<String>,
}

impl ServiceDeclaration {
    /// A service that promises nothing.
    pub fn new<S, F>(make: F) -> Self
    where
        S: Service + 'static,
        F: Fn(&Value) -> Result<S, String> + Send + Sync + 'static,
    {
        let make: ServiceFn = Arc::new(move |state| {
            let service = make(state)?;
            Ok(Box::new(service) as Box<dyn Service>)
        });
        Self {
            make,
            compensations: BTreeMap::new(),
            at_most_once: Vec::new(),
        }
    }

    /// Declares that one operation takes another back.
    #[must_use]
    pub fn compensates(mut self, forward: &str, compensation: &str) -> Self {
        self.compensations
            .insert(forward.to_owned(), compensation.to_owned());
        self
    }

    /// Declares that an operation takes effect at most once per key.
    #[must_use]
    pub fn at_most_once(mut self, operation: &str) -> Self {
        self.at_most_once.push(operation.to_owned());
        self
    }
}

/// A property that a suite's author wants to hold at the end of every run.
#[derive(Clone)]
pub struct Invariant {
    /// What it says, in a sentence.
    pub description: String,
    /// Looks at the run and says what is wrong.
    pub check: InvariantFn,
}

/// The code of an invariant.
pub type InvariantFn = Arc<dyn Fn(&View, &mut Findings) + Send + Sync>;

/// What an invariant found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// How often there was something to check.
    pub checked: u64,
    /// What did not hold.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Counts a check and says what is wrong if it does not hold.
    pub fn check(&mut self, holds: bool, say: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.wrong.push(say());
        }
    }
}

/// The text of a scenario file that is built into the binary.
#[derive(Clone, Debug)]
pub struct ScenarioSource {
    /// The name of the file, for messages; without `.toml` it is the scenario's name.
    pub file: String,
    /// What it says.
    pub text: String,
}

/// A bug planted on purpose, and who must find it.
#[derive(Clone)]
pub struct Sabotage {
    /// Its name on the command line.
    pub name: String,
    /// What is broken, in a sentence.
    pub description: String,
    /// The checker, invariant or expectation that must catch it.
    pub caught_by: String,
    /// The scenario in which it is planted.
    pub scenario: String,
    /// How it is planted.
    pub plant: Plant,
}

/// How a bug is planted: always from outside, never by a switch in the engine.
#[derive(Clone, Debug)]
pub enum Plant {
    /// Between the engine's machines and the world: an input, effect or disk is interposed on.
    Engine(Bug),
    /// In the suite: a workflow, activity or service is replaced by a broken one.
    Suite(fn(&mut Suite)),
}

impl Suite {
    /// An empty suite.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers workflows of the default build.
    #[must_use]
    pub fn workflows(self, register: impl FnOnce(&mut Registry)) -> Self {
        self.build(DEFAULT_BUILD, register)
    }

    /// Registers workflows of one build. Scenarios deploy builds by name.
    ///
    /// A new build begins with the workflows that the default build has at that moment, so only those
    /// that differ have to be registered again.
    #[must_use]
    pub fn build(mut self, build: &str, register: impl FnOnce(&mut Registry)) -> Self {
        let default = self.builds.get(DEFAULT_BUILD).cloned().unwrap_or_default();
        register(self.builds.entry(build.to_owned()).or_insert(default));
        self
    }

    /// Registers an activity that takes and gives payloads.
    #[must_use]
    pub fn raw_activity<F, A>(mut self, name: &str, run: F) -> Self
    where
        F: Fn(ActivityContext, Payloads) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Payloads, ActivityError>> + 'static,
    {
        let run: ActivityFn = Arc::new(move |context, input| Box::pin(run(context, input)));
        self.activities.insert(name.to_owned(), run);
        self
    }

    /// Registers an activity whose argument and result are JSON.
    #[must_use]
    pub fn activity<F, A, I, O>(self, name: &str, run: F) -> Self
    where
        F: Fn(ActivityContext, I) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<O, ActivityError>> + 'static,
        I: DeserializeOwned + 'static,
        O: Serialize + 'static,
    {
        self.raw_activity(name, move |context, input| {
            let run = run.clone();
            async move {
                let input = crate::cluster::decode(&input)?;
                crate::cluster::encode(&run(context, input).await?)
            }
        })
    }

    /// Lets the timers of foreign code follow virtual time: that of the activities, if they bring their own.
    #[must_use]
    pub fn foreign_clock(mut self, make: ClockFn) -> Self {
        self.foreign_clock = Some(make);
        self
    }

    /// Registers a service of the outside world.
    #[must_use]
    pub fn service(mut self, name: &str, service: ServiceDeclaration) -> Self {
        self.services.insert(name.to_owned(), service);
        self
    }

    /// Says how closed runs of a workflow type left the world, where their status alone does not: a
    /// workflow that was asked to undo everything, and did, has completed all the same.
    #[must_use]
    pub fn judge<F>(mut self, workflow: &str, judge: F) -> Self
    where
        F: Fn(&Closing<'_>) -> Outcome + Send + Sync + 'static,
    {
        self.judges.insert(workflow.to_owned(), Arc::new(judge));
        self
    }

    /// Registers a property that holds at the end of every run of the scenarios that name it.
    #[must_use]
    pub fn invariant<F>(mut self, name: &str, description: &str, check: F) -> Self
    where
        F: Fn(&View, &mut Findings) + Send + Sync + 'static,
    {
        let invariant = Invariant {
            description: description.to_owned(),
            check: Arc::new(check),
        };
        self.invariants.insert(name.to_owned(), invariant);
        self
    }

    /// Adds a scenario file, usually as `.scenario("x.toml", include_str!("x.toml"))`.
    #[must_use]
    pub fn scenario(mut self, file: &str, text: &str) -> Self {
        self.scenarios.push(ScenarioSource {
            file: file.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Adds a planted bug.
    #[must_use]
    pub fn sabotage(mut self, sabotage: Sabotage) -> Self {
        self.sabotages.push(sabotage);
        self
    }

    /// The registered workflows of every build, by build.
    pub const fn builds(&self) -> &BTreeMap<String, Registry> {
        &self.builds
    }

    /// The registered activities, by name.
    pub const fn activities(&self) -> &BTreeMap<String, ActivityFn> {
        &self.activities
    }

    /// What makes the clock of foreign code.
    pub const fn clock(&self) -> Option<ClockFn> {
        self.foreign_clock
    }

    /// The registered services, by name.
    pub const fn services(&self) -> &BTreeMap<String, ServiceDeclaration> {
        &self.services
    }

    /// The registered judges, by workflow type.
    pub const fn judges(&self) -> &BTreeMap<String, Judge> {
        &self.judges
    }

    /// The registered invariants, by name.
    pub const fn invariants(&self) -> &BTreeMap<String, Invariant> {
        &self.invariants
    }

    /// The scenario files that are built in.
    pub fn scenarios(&self) -> &[ScenarioSource] {
        &self.scenarios
    }

    /// The planted bugs.
    pub fn sabotages(&self) -> &[Sabotage] {
        &self.sabotages
    }

    /// This suite with a bug planted in it, and the bug to plant in the engine if it goes there.
    #[must_use]
    pub fn sabotaged(&self, sabotage: &Sabotage) -> Sabotaged {
        let mut suite = self.clone();
        let bug = match &sabotage.plant {
            Plant::Engine(bug) => Some(*bug),
            Plant::Suite(plant) => {
                plant(&mut suite);
                None
            }
        };
        Sabotaged { suite, bug }
    }

    /// Replaces or adds registrations of this suite by those of another: for planted bugs.
    pub fn replace(&mut self, other: Self) {
        for (build, registry) in other.builds {
            self.builds.entry(build).or_default().extend(&registry);
        }
        self.activities.extend(other.activities);
        self.services.extend(other.services);
        self.invariants.extend(other.invariants);
        self.judges.extend(other.judges);
        self.foreign_clock = other.foreign_clock.or(self.foreign_clock);
    }
}

/// A suite with a bug in it.
#[derive(Clone, Debug)]
pub struct Sabotaged {
    /// The suite.
    pub suite: Suite,
    /// The bug to plant in the engine.
    pub bug: Option<Bug>,
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenarios = self.scenarios.iter().map(|scenario| &scenario.file);
        f.debug_struct("Suite")
            .field("builds", &self.builds.keys())
            .field("activities", &self.activities.keys())
            .field("services", &self.services.keys())
            .field("invariants", &self.invariants.keys())
            .field("scenarios", &scenarios.collect::<Vec<_>>())
            .field("sabotages", &self.sabotages)
            .finish()
    }
}

impl fmt::Debug for ServiceDeclaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceDeclaration")
            .field("compensations", &self.compensations)
            .field("at_most_once", &self.at_most_once)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invariant")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sabotage")
            .field("name", &self.name)
            .field("caught_by", &self.caught_by)
            .finish_non_exhaustive()
    }
}
