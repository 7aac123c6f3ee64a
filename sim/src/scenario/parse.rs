//! Reads a scenario file against the suite whose names it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::mistake::{Log, Mistakes, did_you_mean};
use super::read::{Item, Table};
use super::text::unix_millis;
use super::{
    Condition, Expectation, IdConflict, IdReuse, Moment, Operation, OperationKind, ResetTo,
    RetryPolicy, Scenario, ServiceConfig, Since, Span, StoreKind, Target, Timeouts, UpdateWait,
    WorkflowStart, World, faults, schedule,
};
use crate::kernel::Rate;
use crate::suite::{DEFAULT_BUILD, ServiceFn, Suite};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Midnight before the leap day of 2028: a date at which calendars are easily got wrong.
const START: i64 = 1_835_308_800_000;
const QUEUE: &str = "main";
/// The longest that anything in a scenario may last: two centuries, well within 64 bits.
const MOST: u32 = 10_000;

/// Reads a scenario file.
///
/// `file` is its name for messages; without directory and `.toml` it names the scenario.
///
/// # Errors
/// With every mistake that was found.
pub fn load(suite: &Suite, file: &str, text: &str) -> Result<Scenario, Mistakes> {
    let registries = suite.builds().values();
    let names = Names {
        builds: suite.builds().keys().map(String::as_str).collect(),
        workflows: registries.flat_map(|registry| registry.names()).collect(),
        services: suite
            .services()
            .iter()
            .map(|(name, service)| (&**name, &service.make))
            .collect(),
        invariants: suite.invariants().keys().map(String::as_str).collect(),
    };
    read(&names, file, text)
}

/// What a file may refer to.
struct Names<'s> {
    builds: BTreeSet<&'s str>,
    workflows: BTreeSet<&'s str>,
    services: BTreeMap<&'s str, &'s ServiceFn>,
    invariants: BTreeSet<&'s str>,
}

fn read(names: &Names<'_>, file: &str, text: &str) -> Result<Scenario, Mistakes> {
    let mut log = Log::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let span = error.span().unwrap_or(0..0);
        log.wrong(
            span,
            format!("this is not TOML: {}", error.message()),
            "here",
            None,
        );
        return log.finish(None);
    }
    let root = Table::new(document.get_ref(), 0..0, "a scenario");
    let scenario = Parser {
        names,
        log: &mut log,
    }
    .scenario(file, root);
    log.finish(scenario)
}

struct Parser<'s, 'l> {
    names: &'s Names<'s>,
    log: &'l mut Log,
}

/// The place of a `[[workflow]]`'s id template, for operations that come later.
struct Known {
    id: String,
    most: u32,
}

impl Parser<'_, '_> {
    fn scenario(&mut self, file: &str, mut root: Table<'_>) -> Option<Scenario> {
        self.schema(&mut root)?;
        let description = root
            .string(self.log, "description")
            .unwrap_or_default()
            .to_owned();
        let world = root.take("world");
        let mut world = self.world(world)?;
        let workflows = root.take("workflow");
        let workflows = self.each(workflows, "[[workflow]]", |parser, table| {
            parser.workflow(table, &world)
        });
        let known = workflows.iter().map(|start| Known {
            id: start.id.clone(),
            most: start.count.max,
        });
        let known: Vec<_> = known.collect();
        let operations = root.take("operation");
        let operations = self.each(operations, "[[operation]]", |parser, table| {
            parser.operation(table, &known)
        });
        let services = root.take("services");
        let services = self.services(services);
        let faults = root.take("faults");
        let faults = faults::read(self.log, faults, world.store);
        let invariants = root.take("invariants");
        let invariants = self.invariants(invariants);
        let expect = root.take("expect");
        let expect = self.each(expect, "[[expect]]", Self::expectation);
        self.unique_ids(&workflows);
        if workflows.is_empty() {
            let help = Some("add a [[workflow]]".to_owned());
            self.log
                .wrong(root.span(), "the scenario starts no workflow", "here", help);
        }
        root.finish(self.log);
        let queues: BTreeSet<_> = workflows
            .iter()
            .map(|start| start.task_queue.clone())
            .collect();
        world.task_queues.extend(queues);
        world.task_queues.sort();
        world.task_queues.dedup();
        let (name, file) = (name_of(file), file.to_owned());
        Some(Scenario {
            name,
            file,
            description,
            world,
            workflows,
            operations: named(operations),
            services,
            faults,
            invariants,
            expect,
        })
    }

    fn schema(&mut self, root: &mut Table<'_>) -> Option<()> {
        let help = || Some("this version of Steadfast reads `schema = 1`".to_owned());
        let Some(item) = root.take("schema") else {
            self.log.wrong(
                0..0,
                "the file does not say which schema it follows",
                "here",
                help(),
            );
            return None;
        };
        match item.value {
            DeValue::Integer(number) if number.as_str() == "1" => Some(()),
            _ => {
                self.log
                    .wrong(item.span(), "the schema is not known", "not 1", help());
                None
            }
        }
    }

    /// Reads every table of a list of tables.
    fn each<T>(
        &mut self,
        item: Option<Item<'_>>,
        what: &'static str,
        mut read: impl FnMut(&mut Self, Table<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(item) = item else { return Vec::new() };
        if matches!(item.value, DeValue::Table(_)) {
            let help = Some(format!("write {what}, with two brackets"));
            self.log.wrong(
                item.span(),
                "there may be several of these",
                "one table",
                help,
            );
            return Vec::new();
        }
        let items = item.list(self.log).unwrap_or_default();
        let read_one = |item: Item<'_>| {
            let table = item.table(self.log, what)?;
            read(self, table)
        };
        items.into_iter().filter_map(read_one).collect()
    }

    fn world(&mut self, item: Option<Item<'_>>) -> Option<World> {
        let mut world = World::default();
        let Some(item) = item else { return Some(world) };
        let mut table = item.table(self.log, "[world]")?;
        let log = &mut *self.log;
        if let Some(namespace) = table.string(log, "namespace") {
            world.namespace = namespace.to_owned();
        }
        if let Some(queue) = table.string(log, "task-queue") {
            world.task_queues = vec![queue.to_owned()];
        }
        for (key, field, bounds) in [
            ("engines", &mut world.engines, 1..9),
            ("shards", &mut world.shards, 1..9),
            ("workers", &mut world.workers, 1..101),
            ("cache", &mut world.cache, 0..100_001),
        ] {
            if let Some(span) = table.integers(log, key, bounds) {
                *field = span;
            }
        }
        for (key, field) in [
            ("workflow-slots", &mut world.workflow_slots),
            ("activity-slots", &mut world.activity_slots),
            ("clients", &mut world.clients),
        ] {
            if let Some(count) = table
                .take(key)
                .and_then(|item| item.integer(log, &(1..1_001)))
            {
                *field = count;
            }
        }
        for (key, field) in [("storm", &mut world.storm), ("calm", &mut world.calm)] {
            if let Some(duration) = table.duration(log, key) {
                *field = duration;
            }
        }
        let stores = [
            ("embedded", StoreKind::Embedded),
            ("memory", StoreKind::Memory),
        ];
        world.store = table.word(log, "store", &stores).unwrap_or_default();
        if let Some(item) = table.take("start") {
            world.start = self.start(item)?;
        }
        if let Some(item) = table.take("build") {
            world.build = self.build(item)?;
        }
        table.finish(self.log);
        Some(world)
    }

    fn start(&mut self, item: Item<'_>) -> Option<i64> {
        let help = || Some("write a date in UTC, as in 2028-02-28T00:00:00Z".to_owned());
        let DeValue::Datetime(datetime) = item.value else {
            self.log.wrong(
                item.span(),
                "the start of the world is a date",
                item.kind(),
                help(),
            );
            return None;
        };
        let utc = matches!(
            datetime.offset,
            None | Some(toml::value::Offset::Z | toml::value::Offset::Custom { minutes: 0 })
        );
        match (datetime.date, utc) {
            (Some(date), true) => Some(unix_millis(date, datetime.time)),
            _ => {
                self.log.wrong(
                    item.span(),
                    "the start of the world is in UTC",
                    "here",
                    help(),
                );
                None
            }
        }
    }

    fn build(&mut self, item: Item<'_>) -> Option<String> {
        let build = item.string(self.log)?;
        if !self.names.builds.contains(build) {
            let help = did_you_mean(build, "build", self.names.builds.iter().copied());
            let message = format!("there is no build `{build}`");
            self.log.wrong(item.span(), message, "not registered", help);
            return None;
        }
        Some(build.to_owned())
    }

    fn workflow(&mut self, mut table: Table<'_>, world: &World) -> Option<WorkflowStart> {
        let kind = table
            .need(self.log, "type")
            .and_then(|item| self.workflow_type(item));
        let id = table
            .need(self.log, "id")
            .and_then(|item| self.template(item));
        let log = &mut *self.log;
        let input = table.take("input").and_then(|item| item.json(log));
        let count = table
            .integers(log, "count", 0..MOST)
            .unwrap_or(Span::exactly(1));
        let started = table
            .take("started")
            .and_then(|item| item.bool(log))
            .unwrap_or(true);
        let task_queue = table.string(log, "task-queue").map(str::to_owned);
        let offset = table.duration(log, "at").unwrap_or_default();
        let spread = table.duration(log, "spread").unwrap_or_default();
        let timeouts = Timeouts {
            execution: table.duration(log, "execution-timeout"),
            run: table.duration(log, "run-timeout"),
            task: table.duration(log, "task-timeout"),
        };
        let retry = table.take("retry").and_then(|item| retry(log, item));
        let cron = table.string(log, "cron").map(str::to_owned);
        let start_delay = table.duration(log, "start-delay");
        let reuse = table.word(log, "id-reuse", &REUSE).unwrap_or_default();
        let conflict = table
            .word(log, "id-conflict", &CONFLICT)
            .unwrap_or_default();
        let span = table.span();
        table.finish(log);
        let (workflow, id) = (kind?, id?);
        if count.max > 1 && !id.contains("{n}") {
            let help = Some("put `{n}` into the id, or let there be one".to_owned());
            log.wrong(span, "several instances would have one id", "here", help);
            return None;
        }
        Some(WorkflowStart {
            workflow,
            id,
            input,
            count,
            started,
            when: Moment {
                since: Since::World,
                offset,
                spread,
            },
            task_queue: task_queue.unwrap_or_else(|| world.task_queues[0].clone()),
            timeouts,
            retry,
            cron,
            start_delay,
            reuse,
            conflict,
        })
    }

    fn workflow_type(&mut self, item: Item<'_>) -> Option<String> {
        let name = item.string(self.log)?;
        let known = &self.names.workflows;
        if !known.contains(name) {
            let help = did_you_mean(name, "workflow", known.iter().copied());
            let message = format!("there is no workflow `{name}`");
            self.log.wrong(item.span(), message, "not registered", help);
            return None;
        }
        Some(name.to_owned())
    }

    /// A text in which `{n}` is the only thing in braces.
    fn template(&mut self, item: Item<'_>) -> Option<String> {
        let text = item.string(self.log)?;
        let rest = text.replace("{n}", "");
        if text.is_empty() || rest.contains(['{', '}']) {
            let help = Some("`{n}` stands for the number of the instance, from 1".to_owned());
            self.log
                .wrong(item.span(), "this is no workflow id", "here", help);
            return None;
        }
        Some(text.to_owned())
    }

    fn unique_ids(&mut self, workflows: &[WorkflowStart]) {
        let mut seen = BTreeSet::new();
        for start in workflows {
            if !seen.insert(&start.id) {
                let span = self.find(&start.id);
                let message = format!("two [[workflow]] entries have the id `{}`", start.id);
                let help = Some("starts with one id are what `duplicate-start` makes".to_owned());
                self.log.wrong(span, message, "again", help);
            }
        }
    }

    /// The last place of a text in quotes.
    fn find(&self, text: &str) -> Range<usize> {
        let quoted = format!("\"{text}\"");
        let at = self.log.text().rfind(&quoted);
        at.map_or(0..0, |at| at..at + quoted.len())
    }

    fn operation(&mut self, mut table: Table<'_>, known: &[Known]) -> Option<Operation> {
        let kind = table.need(self.log, "kind");
        let kind = kind.and_then(|item| item.string(self.log).map(|text| (text, item.span())));
        let name = table.string(self.log, "name").map(str::to_owned);
        let when = self.moment(&mut table);
        let count = table
            .integers(self.log, "count", 0..MOST)
            .unwrap_or(Span::exactly(1));
        let probability = table.take("probability");
        let probability = probability
            .and_then(|item| item.rate(self.log))
            .unwrap_or(Rate::ALWAYS);
        let (kind, span) = kind?;
        if kind == "deploy" && when.since == Since::Start {
            let help = Some("write `at`, which counts from the beginning of the world".to_owned());
            let message = "a deployment is not about a workflow, so it has no `after`";
            self.log.wrong(span.clone(), message, "here", help);
        }
        let kind = self.operation_kind(&mut table, kind, span, known)?;
        table.finish(self.log);
        Some(Operation {
            name: name.unwrap_or_default(),
            kind,
            when,
            count,
            probability,
        })
    }

    fn moment(&mut self, table: &mut Table<'_>) -> Moment {
        let log = &mut *self.log;
        let (at, after) = (table.take("at"), table.take("after"));
        if let (Some(_), Some(after)) = (&at, &after) {
            let help = "`at` counts from the beginning of the world, `after` from the start of the \
                        workflow";
            let message = "an operation has `at` or `after`, not both";
            log.wrong(after.span(), message, "the second", Some(help.to_owned()));
        }
        let since = if after.is_some() {
            Since::Start
        } else {
            Since::World
        };
        let offset = at
            .or(after)
            .and_then(|item| item.duration(log))
            .unwrap_or_default();
        let spread = table.duration(log, "spread").unwrap_or_default();
        Moment {
            since,
            offset,
            spread,
        }
    }

    fn operation_kind(
        &mut self,
        table: &mut Table<'_>,
        kind: &str,
        span: Range<usize>,
        known: &[Known],
    ) -> Option<OperationKind> {
        const KINDS: [&str; 9] = [
            "signal",
            "signal-with-start",
            "update",
            "update-with-start",
            "query",
            "cancel",
            "terminate",
            "reset",
            "deploy",
        ];
        if kind == "deploy" {
            let build = table
                .need(self.log, "build")
                .and_then(|item| self.build(item));
            let over = table.duration(self.log, "over").unwrap_or_default();
            return Some(OperationKind::Deploy {
                build: build?,
                over,
            });
        }
        if schedule::KINDS.contains(&kind) {
            return self.schedule_operation(table, kind, known);
        }
        if !KINDS.contains(&kind) {
            let all = KINDS.into_iter().chain(schedule::KINDS);
            let help = did_you_mean(kind, "kind", all);
            self.log.wrong(
                span,
                format!("there is no operation `{kind}`"),
                "unknown",
                help,
            );
            return None;
        }
        let workflow = table.need(self.log, "workflow");
        let target = workflow.and_then(|item| self.target(item, kind, known));
        let log = &mut *self.log;
        let text = |table: &mut Table<'_>, log: &mut Log, key| {
            table
                .need(log, key)
                .and_then(|item| item.string(log))
                .map(str::to_owned)
        };
        let json = |table: &mut Table<'_>, log: &mut Log| {
            table.take("input").and_then(|item| item.json(log))
        };
        let reason = |table: &mut Table<'_>, log: &mut Log| {
            table.string(log, "reason").unwrap_or("scenario").to_owned()
        };
        Some(match kind {
            "signal" => {
                let (signal, input) = (text(table, log, "signal"), json(table, log));
                OperationKind::Signal {
                    target: target?,
                    signal: signal?,
                    input,
                }
            }
            "signal-with-start" => {
                let (signal, input) = (text(table, log, "signal"), json(table, log));
                OperationKind::SignalWithStart {
                    target: target?,
                    signal: signal?,
                    input,
                }
            }
            "update" => {
                let (update, input) = (text(table, log, "update"), json(table, log));
                let wait = table.word(log, "wait", &WAIT).unwrap_or_default();
                OperationKind::Update {
                    target: target?,
                    update: update?,
                    input,
                    wait,
                }
            }
            "update-with-start" => {
                let (update, input) = (text(table, log, "update"), json(table, log));
                let wait = table.word(log, "wait", &WAIT).unwrap_or_default();
                OperationKind::UpdateWithStart {
                    target: target?,
                    update: update?,
                    input,
                    wait,
                }
            }
            "query" => {
                let (query, input) = (text(table, log, "query"), json(table, log));
                OperationKind::Query {
                    target: target?,
                    query: query?,
                    input,
                }
            }
            "cancel" => {
                let reason = reason(table, log);
                OperationKind::Cancel {
                    target: target?,
                    reason,
                }
            }
            "reset" => {
                let to = table.word(log, "to", &RESET_TO).unwrap_or_default();
                OperationKind::Reset {
                    target: target?,
                    to,
                }
            }
            _ => {
                let reason = reason(table, log);
                OperationKind::Terminate {
                    target: target?,
                    reason,
                }
            }
        })
    }

    fn schedule_operation(
        &mut self,
        table: &mut Table<'_>,
        kind: &str,
        known: &[Known],
    ) -> Option<OperationKind> {
        let name = table.need(self.log, "schedule");
        let name = name
            .and_then(|item| item.string(self.log))
            .map(str::to_owned);
        let workflow = if schedule::has_plan(kind) {
            let item = table.need(self.log, "workflow");
            item.and_then(|item| self.target(item, kind, known))
        } else {
            None
        };
        let step = schedule::step(table, self.log, kind, workflow);
        Some(OperationKind::Schedule {
            schedule: name?,
            step: step?,
        })
    }

    fn target(&mut self, item: Item<'_>, kind: &str, known: &[Known]) -> Option<Target> {
        let id = self.template(item)?;
        let entry = known.iter().position(|known| known.id == id);
        let single = known.iter().any(|known| known.covers(&id));
        let must_be_entry = kind.ends_with("-with-start") || schedule::has_plan(kind);
        if entry.is_none() && (id.contains("{n}") || must_be_entry) {
            let help = did_you_mean(&id, "[[workflow]]", known.iter().map(|known| &*known.id));
            let message = format!("no [[workflow]] has the id `{id}`");
            self.log.wrong(item.span(), message, "unknown", help);
            return None;
        }
        // An id that no entry makes may be a child's; one that is nearly right is a mistake.
        if entry.is_none() && !single {
            let near = known.iter().find(|known| known.nearly(&id));
            if let Some(near) = near {
                let message = format!("there is no instance `{id}` of `{}`", near.id);
                let help = format!("its instances are numbered from 1 to {}", near.most);
                self.log
                    .wrong(item.span(), message, "not started", Some(help));
                return None;
            }
        }
        Some(Target { id, entry })
    }

    fn services(&mut self, item: Option<Item<'_>>) -> BTreeMap<String, ServiceConfig> {
        let names = self.names.services.keys();
        let mut services: BTreeMap<_, _> = names
            .map(|name| ((*name).to_owned(), ServiceConfig::default()))
            .collect();
        let table = item.and_then(|item| item.table(self.log, "[services]"));
        for (name, span, item) in table.map(|mut table| table.rest()).unwrap_or_default() {
            if !services.contains_key(name) {
                let help = did_you_mean(name, "service", services.keys().map(String::as_str));
                let message = format!("there is no service `{name}`");
                self.log.wrong(span, message, "not registered", help);
            } else if let Some(config) = self.service(item) {
                services.insert(name.to_owned(), config);
            }
        }
        for (name, make) in &self.names.services {
            let Some(config) = services.get(*name) else {
                continue;
            };
            if let Err(why) = make(&config.state) {
                let at = item.map_or(0..0, |item| service_span(item, name));
                let message = format!("service `{name}` refuses its state: {why}");
                self.log.wrong(at, message, "here", None);
            }
        }
        services
    }

    fn service(&mut self, item: Item<'_>) -> Option<ServiceConfig> {
        let mut config = ServiceConfig::default();
        let mut table = item.table(self.log, "a service")?;
        let log = &mut *self.log;
        let latency = table.take("latency");
        if let Some(span) = latency.and_then(|item| item.range(log, |one, log| one.duration(log))) {
            config.latency = span;
        }
        for (key, field) in [
            ("failure", &mut config.failure),
            ("refusal", &mut config.refusal),
            ("hang", &mut config.hang),
        ] {
            if let Some(rate) = table.take(key).and_then(|item| item.rate(log)) {
                *field = rate;
            }
        }
        if let Some(state) = table.take("state") {
            config.state = state.json(log).unwrap_or(Value::Null);
        }
        table.finish(log);
        Some(config)
    }

    /// Without a list, every invariant of the suite holds.
    fn invariants(&mut self, item: Option<Item<'_>>) -> Vec<String> {
        let known = &self.names.invariants;
        let Some(item) = item else {
            return known.iter().map(|name| (*name).to_owned()).collect();
        };
        let mut names = Vec::new();
        for item in item.list(self.log).unwrap_or_default() {
            let Some(name) = item.string(self.log) else {
                continue;
            };
            if !known.contains(name) {
                let help = did_you_mean(name, "invariant", known.iter().copied());
                let message = format!("there is no invariant `{name}`");
                self.log.wrong(item.span(), message, "not registered", help);
            } else if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn expectation(&mut self, mut table: Table<'_>) -> Option<Expectation> {
        let name = table
            .need(self.log, "name")
            .and_then(|item| item.string(self.log));
        let when = table.take("when").map(|item| self.condition(item));
        let that = table
            .need(self.log, "that")
            .and_then(|item| self.condition(item));
        table.finish(self.log);
        let when = match when {
            Some(condition) => Some(condition?),
            None => None,
        };
        Some(Expectation {
            name: name?.to_owned(),
            when,
            that: that?,
        })
    }

    fn condition(&mut self, item: Item<'_>) -> Option<Condition> {
        let source = item.string(self.log)?;
        match Condition::new(source) {
            Ok(condition) => Some(condition),
            Err(mistakes) => {
                let whole = item.span();
                // Where the text stands as it is, a mistake in it has a place in the file.
                let written = self
                    .log
                    .text()
                    .get(whole.clone())
                    .and_then(|it| it.find(source));
                for mistake in mistakes {
                    let span = match written {
                        Some(at) => {
                            let start = whole.start + at;
                            start + mistake.span.start..start + mistake.span.end
                        }
                        None => whole.clone(),
                    };
                    self.log.wrong(span, mistake.message, "here", mistake.help);
                }
                None
            }
        }
    }
}

const REUSE: [(&str, IdReuse); 3] = [
    ("allow-duplicate", IdReuse::AllowDuplicate),
    (
        "allow-duplicate-failed-only",
        IdReuse::AllowDuplicateFailedOnly,
    ),
    ("reject-duplicate", IdReuse::RejectDuplicate),
];

const WAIT: [(&str, UpdateWait); 2] = [
    ("accepted", UpdateWait::Accepted),
    ("completed", UpdateWait::Completed),
];

const RESET_TO: [(&str, ResetTo); 3] = [
    ("first", ResetTo::First),
    ("last", ResetTo::Last),
    ("any", ResetTo::Any),
];

const CONFLICT: [(&str, IdConflict); 3] = [
    ("fail", IdConflict::Fail),
    ("use-existing", IdConflict::UseExisting),
    ("terminate-existing", IdConflict::TerminateExisting),
];

fn retry(log: &mut Log, item: Item<'_>) -> Option<RetryPolicy> {
    let mut table = item.table(log, "retry")?;
    let initial = table
        .duration(log, "initial")
        .unwrap_or(Duration::from_secs(1));
    let backoff = table
        .take("backoff")
        .and_then(|item| item.float(log))
        .unwrap_or(2.0);
    let maximum = table.duration(log, "maximum");
    let attempts = table
        .take("attempts")
        .and_then(|item| item.integer(log, &(0..MOST)));
    let types = table
        .take("non-retryable")
        .and_then(|item| item.list(log))
        .unwrap_or_default();
    let types = types
        .into_iter()
        .filter_map(|item| item.string(log).map(str::to_owned));
    let non_retryable = types.collect();
    if !(1.0..=1_000.0).contains(&backoff) {
        log.wrong(
            table.span(),
            "`backoff` is a factor of at least 1",
            "here",
            None,
        );
    }
    table.finish(log);
    let attempts = attempts.unwrap_or(0);
    Some(RetryPolicy {
        initial,
        backoff,
        maximum,
        attempts,
        non_retryable,
    })
}

fn service_span(item: Item<'_>, name: &str) -> Range<usize> {
    let DeValue::Table(table) = item.value else {
        return item.span();
    };
    let entry = table.iter().find(|(key, _)| key.get_ref() == name);
    entry.map_or_else(|| item.span(), |(key, _)| key.span())
}

fn name_of(file: &str) -> String {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    file.strip_suffix(".toml").unwrap_or(file).to_owned()
}

/// Gives each operation a name of its own.
fn named(mut operations: Vec<Operation>) -> Vec<Operation> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for operation in &mut operations {
        if operation.name.is_empty() {
            operation.name = operation.kind.to_string();
        }
        let count = seen.entry(operation.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            operation.name = format!("{} #{count}", operation.name);
        }
    }
    operations
}

impl Known {
    /// Whether this is the id of one of its instances.
    fn covers(&self, id: &str) -> bool {
        self.number(id)
            .is_some_and(|n| n >= 1 && n <= u64::from(self.most))
    }

    /// Whether it is of the right form but none of its instances.
    fn nearly(&self, id: &str) -> bool {
        self.id.contains("{n}") && self.number(id).is_some() && !self.covers(id)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let Some((before, after)) = self.id.split_once("{n}") else {
            return (self.id == id).then_some(1);
        };
        id.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            task_queues: vec![QUEUE.to_owned()],
            engines: Span::exactly(1),
            shards: Span { min: 1, max: 8 },
            workers: Span { min: 1, max: 3 },
            workflow_slots: 4,
            activity_slots: 8,
            cache: Span { min: 0, max: 16 },
            clients: 2,
            build: DEFAULT_BUILD.to_owned(),
            store: StoreKind::Embedded,
            start: START,
            storm: 5 * MINUTE,
            calm: DAY,
        }
    }
}

#[cfg(test)]
mod tests;
