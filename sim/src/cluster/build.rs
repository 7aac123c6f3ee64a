//! Makes a cluster from a scenario: chooses its size, its workload and its faults, and adds its nodes to a world.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use steadfast_core::{
    Timestamp,
    schedule::SCHEDULE_PREFIX,
    visibility::{Filter, Listed},
};
use steadfast_replay::Registry;
use steadfast_store::Query;

use super::{
    client::{ClientConfig, ClientNode},
    engine::{EngineConfig, EngineNode, Stores},
    ledger::Ledger,
    observe::Watch,
    service_node::{ServiceNode, ServiceStore},
    topology::Topology,
    weather::{SWARM_FAULT, TOPOLOGY, WORKLOAD_COUNT, WORKLOAD_MOMENT, WORKLOAD_WHETHER, Weather},
    wire::Wire,
    worker::{WorkerConfig, WorkerNode},
    workload::{Job, Progress, What},
};
use crate::{
    checkers::{Accounts, Checkers, Pair, SagaRules},
    kernel::{Chance, CrashKind, FaultClass, NodeId, NodeSpec, Rate, Time, World},
    sabotage::Bug,
    scenario::{
        ClusterFault, FaultConfig, Moment, Operation, OperationKind, Scenario, ScheduleStep, Since,
        Span, WorkflowStart, fill,
    },
    suite::{DEFAULT_BUILD, Suite},
};

/// What the harness keeps of a cluster.
pub(crate) struct Cluster {
    pub(crate) watch: Watch,
    pub(crate) weather: Weather,
    pub(crate) ledger: Ledger,
    pub(crate) progress: Progress,
    /// How often each operation is to be carried out, by its name.
    pub(crate) operations: BTreeMap<String, u64>,
    services: Vec<Opened>,
    stores: Stores,
    pub(crate) namespace: String,
}

/// A service, and what it had on its accounts at first.
type Opened = (BTreeMap<String, i64>, Rc<RefCell<ServiceStore>>);

/// Numbers chosen for one run of a scenario.
struct Draw<'a> {
    chance: &'a Chance,
    next: u64,
}

impl Draw<'_> {
    fn span(&mut self, span: Span<u32>) -> u32 {
        self.next += 1;
        let range = u64::from(span.min)..u64::from(span.max) + 1;
        u32::try_from(self.chance.choose_range(TOPOLOGY, self.next, range)).unwrap_or(span.min)
    }
}

/// Draws how often the cluster's own faults strike.
pub(crate) fn draw_weather(chance: &Chance, faults: &FaultConfig, plan_rates: &[Rate]) -> Weather {
    let mut rates = BTreeMap::new();
    for (fault, most) in &faults.cluster {
        let entity = *fault as u64;
        let on = !faults.swarm || chance.choose(SWARM_FAULT, entity, &[1, 1]) == 1;
        let level = if faults.swarm {
            chance.choose(SWARM_FAULT, 64 + entity, &[1; 4])
        } else {
            3
        };
        if on {
            let rate = (most.as_per_million() >> (3 - level)).max(1);
            rates.insert(*fault, Rate::per_million(rate));
        }
    }
    let machines = plan_rates.iter().copied().max().unwrap_or_default();
    Weather::new(rates, machines)
}

/// The classes whose rates also hold for messages between the machines of one engine.
pub(crate) const MESSAGE_FAULTS: [FaultClass; 3] =
    [FaultClass::Loss, FaultClass::Duplicate, FaultClass::Delay];

impl Cluster {
    /// Makes the cluster.
    ///
    /// # Errors
    /// If a service cannot be made from its state.
    pub(crate) fn build(
        world: &mut World<Wire>,
        suite: &Suite,
        scenario: &Scenario,
        weather: Weather,
        bug: Option<Bug>,
    ) -> Result<Self, String> {
        let chance = world.chance().clone();
        let mut draw = Draw {
            chance: &chance,
            next: 0,
        };
        let shards = draw.span(scenario.world.shards).max(1);
        let engines = draw.span(scenario.world.engines).clamp(1, shards);
        let workers = draw.span(scenario.world.workers);
        let cache = draw.span(scenario.world.cache);
        let builds: Vec<(&String, Rc<Registry>)> = suite
            .builds()
            .iter()
            .map(|(name, registry)| {
                // A build has what the default one has, unless it says otherwise.
                let mut whole = suite
                    .builds()
                    .get(DEFAULT_BUILD)
                    .cloned()
                    .unwrap_or_default();
                whole.extend(registry);
                (name, Rc::new(whole))
            })
            .collect();
        let build_of = |name: &str| {
            builds
                .iter()
                .position(|(build, _)| *build == name)
                .unwrap_or(0)
        };
        let registries: Rc<Vec<Rc<Registry>>> = Rc::new(
            builds
                .iter()
                .map(|(_, registry)| Rc::clone(registry))
                .collect(),
        );
        let checkers = Checkers::new(shards, registries.to_vec(), rules(suite, scenario));
        let watch = Watch::new(checkers);
        let topology = Rc::new(RefCell::new(Topology {
            namespace: scenario.world.namespace.clone(),
            shards,
            ..Topology::default()
        }));
        let ledger = Ledger::default();

        let start = Timestamp::from_nanos(scenario.world.start.saturating_mul(1_000_000));
        // Engines come first: whoever starts later may talk to them at once.
        let memory = Rc::new(RefCell::new(steadfast_store::Memory::new(shards)));
        let stores = Stores::default();
        for number in 1..=engines {
            let config = EngineConfig {
                topology: Rc::clone(&topology),
                watch: watch.clone(),
                weather: weather.clone(),
                store: scenario.world.store,
                memory: memory.clone(),
                start,
                bug,
                stores: stores.clone(),
            };
            let spec = NodeSpec::new(format!("engine-{number}"));
            let node = world.add_node(spec, move |me| EngineNode::new(config.clone(), me));
            topology.borrow_mut().engines.push(node);
        }

        let mut services = Vec::new();
        for (name, config) in &scenario.services {
            let Some(declared) = suite.services().get(name) else {
                return Err(format!("no service {name} is registered"));
            };
            let service = (declared.make)(&config.state)?;
            let opening = service.balances();
            let store = Rc::new(RefCell::new(ServiceStore {
                name: name.as_str().into(),
                service,
                compensations: declared.compensations.values().cloned().collect(),
                handled: BTreeMap::new(),
            }));
            services.push((opening, Rc::clone(&store)));
            let (config, ledger) = (config.clone(), ledger.clone());
            let topology_of = Rc::clone(&topology);
            let node = world.add_node(NodeSpec::new(name.as_str()), move |_| {
                let store = Rc::clone(&store);
                ServiceNode::new(
                    store,
                    config.clone(),
                    ledger.clone(),
                    Rc::clone(&topology_of),
                )
            });
            topology.borrow_mut().services.insert(name.clone(), node);
        }

        let activities = Rc::new(suite.activities().clone());
        let task_queues = Rc::new(scenario.world.task_queues.clone());
        let mut deploys =
            scenario
                .operations
                .iter()
                .filter_map(|operation| match &operation.kind {
                    OperationKind::Deploy { build, .. } => Some(build.as_str()),
                    _ => None,
                });
        let last_build = build_of(deploys.next_back().unwrap_or(&scenario.world.build));
        let mut deployed = Vec::new();
        for number in 1..=workers {
            let build = Rc::new(Cell::new(build_of(&scenario.world.build)));
            let config = WorkerConfig {
                topology: Rc::clone(&topology),
                watch: watch.clone(),
                weather: weather.clone(),
                builds: Rc::clone(&registries),
                build: Rc::clone(&build),
                last_build,
                activities: Rc::clone(&activities),
                task_queues: Rc::clone(&task_queues),
                workflow_slots: size(scenario.world.workflow_slots),
                activity_slots: size(scenario.world.activity_slots),
                cache: size(cache),
                start,
                name: format!("worker-{number}"),
            };
            let spec = NodeSpec::new(config.name.clone());
            let node = world.add_node(spec, move |me| WorkerNode::new(config.clone(), me));
            topology.borrow_mut().workers.push(node);
            deployed.push((node, build));
        }

        let workload = Workload::draw(&mut draw, scenario);
        let progress = Progress::default();
        for job in &workload.jobs {
            progress.expect(job.number, job.name());
        }
        let clients = scenario.world.clients.max(1);
        for number in 0..clients {
            let jobs = workload
                .jobs
                .iter()
                .filter(|job| job.instance % clients == number);
            let config = ClientConfig {
                topology: Rc::clone(&topology),
                watch: watch.clone(),
                weather: weather.clone(),
                jobs: Rc::new(jobs.cloned().collect()),
                progress: progress.clone(),
                start: Timestamp::from_nanos(scenario.world.start.saturating_mul(1_000_000)),
                name: format!("client-{}", number + 1),
            };
            // Clients remember what was acknowledged: they do not die, and their clocks decide nothing.
            let immune = [
                FaultClass::Crash,
                FaultClass::PowerCut,
                FaultClass::Pause,
                FaultClass::ClockJump,
                FaultClass::ClockOffset,
                FaultClass::DiskFull,
            ];
            let spec = NodeSpec::new(config.name.clone()).immune(immune);
            let node = world.add_node(spec, move |me| ClientNode::new(config.clone(), me));
            topology.borrow_mut().clients.push(node);
        }
        for deploy in workload.deploys {
            let build = build_of(&deploy.build);
            roll_out(world, &deployed, build, deploy.at, deploy.over);
        }
        Ok(Self {
            watch,
            weather,
            ledger,
            progress,
            operations: workload.operations,
            services,
            stores,
            namespace: scenario.world.namespace.clone(),
        })
    }

    /// Every row of every store.
    pub(crate) fn rows(&self) -> Vec<Listed> {
        let query = Query {
            namespace: self.namespace.as_str().into(),
            filter: Filter::ALL,
            after: None,
            limit: usize::MAX,
            budget: usize::MAX,
        };
        let stores = self.stores.all().into_iter();
        let pages = stores.filter_map(|store| store.borrow().list(&query).ok());
        pages.flat_map(|page| page.rows).collect()
    }

    /// What every service has on its accounts, before and now.
    pub(crate) fn accounts(&self) -> Vec<Accounts> {
        let accounts = self.services.iter().map(|(opening, store)| {
            let store = store.borrow();
            Accounts {
                service: store.name.to_string(),
                opening: opening.clone(),
                closing: store.service.balances(),
            }
        });
        accounts.collect()
    }

    /// How often each operation of a service was handled, as `service.operation`.
    pub(crate) fn handled(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (_, store) in &self.services {
            let store = store.borrow();
            for (operation, count) in &store.handled {
                all.insert(format!("{}.{operation}", store.name), *count);
            }
        }
        all
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What the authors of the scenario's services have declared.
fn rules(suite: &Suite, scenario: &Scenario) -> SagaRules {
    let mut rules = SagaRules {
        judges: suite.judges().clone(),
        ..SagaRules::default()
    };
    for name in scenario.services.keys() {
        let Some(declared) = suite.services().get(name) else {
            continue;
        };
        let pairs = declared
            .compensations
            .iter()
            .map(|(forward, compensation)| Pair {
                service: name.clone(),
                forward: forward.clone(),
                compensation: compensation.clone(),
            });
        rules.pairs.extend(pairs);
        let once = declared.at_most_once.iter();
        rules
            .at_most_once
            .extend(once.map(|operation| (name.clone(), operation.clone())));
    }
    rules
}

/// Gives one worker after another a new build: it dies, and its next life runs that.
fn roll_out(
    world: &mut World<Wire>,
    workers: &[(NodeId, Rc<Cell<usize>>)],
    build: usize,
    at: Duration,
    over: Duration,
) {
    let steps = u32::try_from(workers.len().saturating_sub(1))
        .unwrap_or(1)
        .max(1);
    for (number, (node, running)) in (0..).zip(workers) {
        let (node, running) = (*node, Rc::clone(running));
        let when = Time::ZERO + at + over * number / steps;
        world.at(when, "deploy", move |world| {
            running.set(build);
            world.crash(node, CrashKind::Process);
            world.start(node);
        });
    }
}

struct Deploy {
    build: String,
    at: Duration,
    over: Duration,
}

struct Workload {
    jobs: Vec<Job>,
    deploys: Vec<Deploy>,
    operations: BTreeMap<String, u64>,
}

impl Workload {
    fn draw(draw: &mut Draw<'_>, scenario: &Scenario) -> Self {
        let mut workload = Self {
            jobs: Vec::new(),
            deploys: Vec::new(),
            operations: BTreeMap::new(),
        };
        let entries: Vec<Rc<WorkflowStart>> =
            scenario.workflows.iter().cloned().map(Rc::new).collect();
        let mut starts: Vec<Vec<Duration>> = Vec::new();
        for entry in &entries {
            let count = workload.count(draw, entry.count);
            let mut moments = Vec::new();
            for instance in 1..=count {
                let at = moment(draw, entry.when, Duration::ZERO);
                moments.push(at);
                if entry.started {
                    workload.add(
                        at,
                        fill(&entry.id, instance),
                        instance,
                        What::Start(Rc::clone(entry)),
                        false,
                    );
                }
            }
            starts.push(moments);
        }
        for operation in &scenario.operations {
            let kind = Rc::new(operation.kind.clone());
            let target = match &operation.kind {
                OperationKind::Signal { target, .. }
                | OperationKind::SignalWithStart { target, .. }
                | OperationKind::Update { target, .. }
                | OperationKind::UpdateWithStart { target, .. }
                | OperationKind::Query { target, .. }
                | OperationKind::Cancel { target, .. }
                | OperationKind::Terminate { target, .. }
                | OperationKind::Reset { target, .. } => target,
                OperationKind::Schedule { schedule, step } => {
                    let entry = step
                        .plan()
                        .and_then(|plan| plan.workflow.entry)
                        .map(|place| Rc::clone(&entries[place]));
                    let what = What::Operate(Rc::clone(&kind), entry);
                    workload.schedule(draw, operation, schedule, step, &what);
                    continue;
                }
                OperationKind::Deploy { build, over } => {
                    let at = moment(draw, operation.when, Duration::ZERO);
                    let (build, over) = (build.clone(), *over);
                    workload.deploys.push(Deploy { build, at, over });
                    *workload
                        .operations
                        .entry(operation.name.clone())
                        .or_default() += 1;
                    continue;
                }
            };
            let entry = target.entry.map(|place| Rc::clone(&entries[place]));
            let alone = [Duration::ZERO];
            let moments = target.entry.map_or(&alone[..], |place| &starts[place]);
            for (instance, start) in (1..).zip(moments) {
                for _ in 0..workload.count(draw, operation.count) {
                    draw.next += 1;
                    let happens =
                        draw.chance
                            .choose_range(WORKLOAD_WHETHER, draw.next, 0..1_000_000);
                    if happens >= u64::from(operation.probability.as_per_million()) {
                        continue;
                    }
                    let at = moment(draw, operation.when, *start);
                    let starts_it = matches!(
                        &*kind,
                        OperationKind::SignalWithStart { .. }
                            | OperationKind::UpdateWithStart { .. }
                    );
                    let after_start = entry.as_ref().is_some_and(|e| e.started) && !starts_it;
                    let what = What::Operate(Rc::clone(&kind), entry.clone());
                    workload.add(at, fill(&target.id, instance), instance, what, after_start);
                    *workload
                        .operations
                        .entry(operation.name.clone())
                        .or_default() += 1;
                }
            }
            workload
                .operations
                .entry(operation.name.clone())
                .or_default();
        }
        workload
    }

    /// Everything but the creation waits for it.
    fn schedule(
        &mut self,
        draw: &mut Draw<'_>,
        operation: &Operation,
        schedule: &str,
        step: &ScheduleStep,
        what: &What,
    ) {
        let done = self.operations.entry(operation.name.clone()).or_default();
        let mut moments = Vec::new();
        draw.next += 1;
        let range = u64::from(operation.count.min)..u64::from(operation.count.max) + 1;
        for _ in 0..draw.chance.choose_range(WORKLOAD_COUNT, draw.next, range) {
            draw.next += 1;
            let happens = draw
                .chance
                .choose_range(WORKLOAD_WHETHER, draw.next, 0..1_000_000);
            if happens < u64::from(operation.probability.as_per_million()) {
                moments.push(moment(draw, operation.when, Duration::ZERO));
                *done += 1;
            }
        }
        let waits = !matches!(step, ScheduleStep::Create(_));
        for at in moments {
            let id = format!("{SCHEDULE_PREFIX}{schedule}");
            self.add(at, id, 1, what.clone(), waits);
        }
    }

    fn count(&self, draw: &mut Draw<'_>, span: Span<u32>) -> u32 {
        draw.next += 1;
        let range = u64::from(span.min)..u64::from(span.max) + 1;
        let count = draw.chance.choose_range(WORKLOAD_COUNT, draw.next, range);
        u32::try_from(count).unwrap_or(span.min)
    }

    fn add(
        &mut self,
        at: Duration,
        workflow_id: String,
        instance: u32,
        what: What,
        after_start: bool,
    ) {
        let number = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        self.jobs.push(Job {
            at,
            number,
            workflow_id,
            instance,
            what,
            after_start,
        });
    }
}

fn moment(draw: &mut Draw<'_>, when: Moment, start: Duration) -> Duration {
    draw.next += 1;
    let spread = u64::try_from(when.spread.as_nanos()).unwrap_or(u64::MAX);
    let later = draw
        .chance
        .choose_range(WORKLOAD_MOMENT, draw.next, 0..spread.saturating_add(1));
    let base = match when.since {
        Since::World => Duration::ZERO,
        Since::Start => start,
    };
    base + when.offset + Duration::from_nanos(later)
}

/// How often each of the cluster's own faults struck, by name.
pub(crate) fn struck(weather: &Weather) -> BTreeMap<ClusterFault, u64> {
    weather.struck()
}
