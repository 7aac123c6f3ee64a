//! Runs the cases, several at a time, and writes their histories.

use std::{
    collections::BTreeMap, path::Path, process::ExitCode, str::FromStr, sync::Arc, time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use temporalio_client::{
    ActivityIdentifier, Client, ClientOptions, Connection, ConnectionOptions,
    HistoryEventFilterType, UntypedQuery, UntypedSignal, UntypedWorkflowHandle, Url,
    WorkflowCancelOptions, WorkflowExecutionInfo, WorkflowFetchHistoryOptions,
    WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions, WorkflowTerminateOptions,
    grpc::WorkflowService,
};
use temporalio_common::{
    MemoValues, RetryPolicy, UntypedWorkflow,
    data_converters::RawValue,
    search_attributes::{SearchAttributeKey, SearchAttributes},
};
use temporalio_protos::temporal::api::{
    common::v1::Payload,
    enums::v1::EventType,
    history::v1::{History, HistoryEvent, history_event::Attributes},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::PollWorkflowTaskQueueRequest,
};
use temporalio_sdk::{Runtime, workflow_replayer::WorkflowReplayer};
use tokio::{
    process::{Child, Command},
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};

use crate::{
    Options,
    activities::{Gates, Scripted},
    recipe::{Act, Build, Case, Export, Start, Step},
    worker,
};

/// No case takes longer; one that does has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(80);

struct Lab {
    client: Client,
    runtime: Runtime,
    options: Options,
    defaults: Arc<BTreeMap<String, Vec<Act>>>,
}

/// Records all cases, or those named.
pub async fn record(options: Options) -> anyhow::Result<ExitCode> {
    let book = options.book()?;
    std::fs::create_dir_all(&options.out)?;
    let client = connect(&options.server).await?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let slots = Arc::new(Semaphore::new(options.jobs.max(1)));
    let defaults = Arc::new(book.defaults);
    let lab = Arc::new(Lab {
        client,
        runtime,
        options,
        defaults,
    });

    let failed = LocalSet::new()
        .run_until(async {
            let mut all = JoinSet::new();
            for case in book.cases {
                if !lab.options.rest.is_empty() && !lab.options.rest.contains(&case.name) {
                    continue;
                }
                let (lab, slots) = (lab.clone(), slots.clone());
                all.spawn_local(async move {
                    let _slot = slots.acquire_owned().await;
                    let name = case.name.clone();
                    let result = tokio::time::timeout(PATIENCE, Run::of(&lab, case)).await;
                    (
                        name,
                        result.unwrap_or_else(|_| bail!("no end after {PATIENCE:?}")),
                    )
                });
            }
            let mut failed = 0;
            while let Some(ended) = all.join_next().await {
                match ended {
                    Ok((_, Ok(()))) => {}
                    Ok((name, Err(error))) => {
                        failed += 1;
                        eprintln!("{name}: {error:#}");
                    }
                    Err(error) => {
                        failed += 1;
                        eprintln!("a case panicked: {error}");
                    }
                }
            }
            failed
        })
        .await;
    // At once: activities that hang on purpose would keep the workers from an orderly end.
    std::process::exit(i32::from(failed > 0));
}

/// Is the worker of one case, until it is killed.
pub async fn work(options: Options) -> anyhow::Result<ExitCode> {
    let book = options.book()?;
    let name = options.rest.first().context("which case?")?;
    let case = book
        .cases
        .into_iter()
        .find(|case| case.name == *name)
        .context("no such case")?;
    let (case, defaults) = (Arc::new(case), Arc::new(book.defaults));
    let gates = Gates::of(&case);
    let client = connect(&options.server).await?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    LocalSet::new()
        .run_until(async {
            let scripted = Scripted::new(case.clone(), defaults, gates);
            let build_id = format!("{}-0", case.build.name());
            let running =
                worker::start(&runtime, client, &case.name, case.build, build_id, scripted)?;
            running.end().await?;
            Ok(ExitCode::SUCCESS)
        })
        .await
}

async fn connect(server: &str) -> anyhow::Result<Client> {
    let url = Url::from_str(&format!("http://{server}"))?;
    let options = ConnectionOptions::new(url).identity("recipe").build();
    let connection = Connection::connect(options).await?;
    Ok(Client::new(
        connection,
        ClientOptions::new("default").build(),
    )?)
}

/// One case under way.
struct Run<'a> {
    lab: &'a Lab,
    case: Arc<Case>,
    gates: Gates,
    build: Build,
    worker: Option<worker::Running>,
    deployed: u32,
    spawned: Option<Child>,
}

impl<'a> Run<'a> {
    async fn of(lab: &'a Lab, case: Case) -> anyhow::Result<()> {
        let case = Arc::new(case);
        let gates = Gates::of(&case);
        let mut run = Self {
            lab,
            build: case.build,
            case,
            gates,
            worker: None,
            deployed: 0,
            spawned: None,
        };
        run.deploy(run.build).await?;
        let name = run.case.name.clone();
        // Some cases prepare the ground first; then they start the main workflow themselves.
        let main = run.case.main();
        if !run.case.is_started_by_step() {
            run.start(&name, &main).await?;
        }
        for step in run.case.steps.clone() {
            let what = format!("{step:?}");
            run.step(step).await.with_context(|| what)?;
        }
        for export in run.case.exports() {
            let file = export.file.clone();
            run.export(export)
                .await
                .with_context(|| format!("export of {file}"))?;
        }
        Ok(())
    }

    async fn deploy(&mut self, build: Build) -> anyhow::Result<()> {
        if let Some(old) = self.worker.take() {
            old.stop().await?;
        }
        let activities = Scripted::new(
            self.case.clone(),
            self.lab.defaults.clone(),
            self.gates.clone(),
        );
        let queue = &self.case.name;
        // The SDK refuses a second worker of the same build on a queue, even when the first is
        // gone: so builds are numbered.
        self.deployed += 1;
        let build_id = format!("{}-{}", build.name(), self.deployed);
        let (runtime, client) = (&self.lab.runtime, self.lab.client.clone());
        let worker = worker::start(runtime, client, queue, build, build_id, activities)?;
        self.worker = Some(worker);
        self.build = build;
        Ok(())
    }

    async fn start(&self, id: &str, start: &Start) -> anyhow::Result<()> {
        let options = self.start_options(id, start);
        let workflow = UntypedWorkflow::new(&start.workflow);
        self.lab
            .client
            .start_workflow(workflow, payloads(&start.input), options)
            .await?;
        Ok(())
    }

    fn start_options(&self, id: &str, start: &Start) -> WorkflowStartOptions {
        let millis = |ms: Option<u64>| ms.map(Duration::from_millis);
        let given = &start.options;
        let attributes = given
            .keyword
            .iter()
            .map(|value| SearchAttributeKey::keyword("CustomKeywordField").value_set(value.clone()))
            .chain(
                given
                    .int
                    .map(|value| SearchAttributeKey::int("CustomIntField").value_set(value)),
            );
        let attributes = SearchAttributes::new(attributes);
        let mut memo = MemoValues::new();
        for (name, value) in &given.memo {
            memo.insert(name, value.clone());
        }
        WorkflowStartOptions::new(self.case.name.clone(), id)
            .maybe_execution_timeout(millis(given.execution_timeout_ms))
            .maybe_run_timeout(millis(given.run_timeout_ms))
            .maybe_task_timeout(millis(given.task_timeout_ms))
            .maybe_cron_schedule(given.cron.clone())
            .maybe_retry_policy(given.retry.as_ref().map(|retry| {
                RetryPolicy::builder()
                    .initial_interval(Duration::from_millis(retry.initial_interval_ms))
                    .backoff_coefficient(retry.backoff)
                    .maximum_attempts(retry.maximum_attempts)
                    .build()
            }))
            .maybe_search_attributes((!attributes.is_empty()).then_some(attributes))
            .maybe_memo((!given.memo.is_empty()).then_some(memo))
            .build()
    }

    fn handle(&self, id: Option<&str>, run_id: Option<&str>) -> UntypedWorkflowHandle<Client> {
        WorkflowExecutionInfo::builder()
            .namespace("default")
            .workflow_id(id.unwrap_or(&self.case.name))
            .maybe_run_id(run_id.map(str::to_owned))
            .build()
            .bind_untyped(self.lab.client.clone())
    }

    async fn step(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::StartMain => {
                let main = self.case.main();
                self.start(&self.case.name, &main).await?;
            }
            Step::Start { id, start } => self.start(&id, &start).await?,
            Step::AwaitEvent { r#type, count, id } => {
                let kind = event_type(&r#type)?;
                while self.count(id.as_deref(), kind).await < count {
                    tokio::time::sleep(GLANCE).await;
                }
            }
            Step::AwaitRun(n) => {
                self.closed(None, n - 1).await?;
            }
            Step::AwaitGate(name) => self.gates.arrival(&name).await?,
            Step::OpenGate(name) => self.gates.open(&name),
            Step::Sleep(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Signal { name, input, id } => {
                let signal = UntypedSignal::new(name);
                let options = WorkflowSignalOptions::default();
                self.handle(id.as_deref(), None)
                    .signal(signal, payloads(&input), options)
                    .await?;
            }
            Step::SignalWithStart {
                name,
                input,
                id,
                start,
            } => {
                let options = self.start_options(&id, &start);
                let client = &self.lab.client;
                let workflow = UntypedWorkflow::new(&start.workflow);
                let signal = UntypedSignal::new(name);
                let (start, input) = (payloads(&start.input), payloads(&input));
                client
                    .signal_with_start_workflow(workflow, start, signal, input, options)
                    .await?;
            }
            Step::Query { name, expect } => self.query(name, expect).await?,
            Step::Cancel { reason, id } => {
                let options = WorkflowCancelOptions::builder().reason(reason).build();
                self.handle(id.as_deref(), None).cancel(options).await?;
            }
            Step::Terminate { reason, id } => {
                let options = WorkflowTerminateOptions::builder().reason(reason).build();
                self.handle(id.as_deref(), None).terminate(options).await?;
            }
            Step::CompleteActivity {
                activity_id,
                result,
            } => {
                let activity = ActivityIdentifier::by_id_workflow(&self.case.name, "", activity_id);
                let handle = self.lab.client.get_async_activity_handle(activity);
                handle.complete(Some(result), Default::default()).await?;
            }
            Step::Deploy(build) => self.deploy(build).await?,
            Step::SwallowTask => self.swallow_task().await?,
            Step::SpawnWorker => self.spawned = Some(self.spawn_worker()?),
            Step::KillWorker => {
                let mut process = self.spawned.take().context("no worker was spawned")?;
                process.kill().await?;
            }
            Step::StopWorker => {
                if let Some(old) = self.worker.take() {
                    old.stop().await?;
                }
            }
            Step::AwaitClose { id } => {
                self.closed(id.as_deref(), usize::MAX).await?;
            }
        }
        Ok(())
    }

    fn spawn_worker(&self) -> anyhow::Result<Child> {
        let Options { server, cases, .. } = &self.lab.options;
        let child = Command::new(std::env::current_exe()?)
            .args(["worker", "--server", server, &self.case.name, "--cases"])
            .arg(cases)
            .kill_on_drop(true)
            .spawn()?;
        Ok(child)
    }

    async fn swallow_task(&self) -> anyhow::Result<()> {
        let mut client = self.lab.client.clone();
        let request = PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(TaskQueue {
                name: self.case.name.clone(),
                ..Default::default()
            }),
            identity: format!("worker of {}", self.case.name),
            ..Default::default()
        };
        client
            .poll_workflow_task_queue(tonic::Request::new(request))
            .await?;
        Ok(())
    }

    async fn query(&self, name: String, expect: Value) -> anyhow::Result<()> {
        let handle = self.handle(None, None);
        let query = UntypedQuery::new(name);
        let options = WorkflowQueryOptions::default();
        let answer = handle
            .query(query, RawValue::new(Vec::new()), options)
            .await?;
        let payload = answer.payloads.first().context("the query has no answer")?;
        let answer: Value = serde_json::from_slice(&payload.data)?;
        ensure!(answer == expect, "the query answers {answer}");
        Ok(())
    }

    /// How many events of a type the current run has; none if it does not exist yet.
    async fn count(&self, id: Option<&str>, kind: EventType) -> usize {
        let events = self.events(id, None).await.unwrap_or_default();
        events
            .iter()
            .filter(|event| event.event_type() == kind)
            .count()
    }

    async fn events(
        &self,
        id: Option<&str>,
        run_id: Option<&str>,
    ) -> anyhow::Result<Vec<HistoryEvent>> {
        let handle = self.handle(id, run_id);
        Ok(handle
            .fetch_history(WorkflowFetchHistoryOptions::default())
            .into_events()
            .await?)
    }

    /// Waits for the n-th run of the chain to close; returns its id and its events. The chain may
    /// be shorter: then its last run.
    async fn closed(
        &self,
        id: Option<&str>,
        run: usize,
    ) -> anyhow::Result<(String, Vec<HistoryEvent>)> {
        let current = loop {
            match self.events(id, None).await {
                Ok(events) if !events.is_empty() => break events,
                _ => tokio::time::sleep(GLANCE).await,
            }
        };
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            current[0].attributes.as_ref()
        else {
            bail!("the first event is none of a start");
        };
        let mut run_id = started.first_execution_run_id.clone();
        let mut seen = 1;
        loop {
            let events = self.events(id, Some(&run_id)).await?;
            match events
                .last()
                .and_then(|event| event.attributes.as_ref())
                .and_then(close)
            {
                None => self.await_close(id, &run_id).await?,
                Some(next) if seen == run || next.is_empty() => return Ok((run_id, events)),
                Some(next) => {
                    run_id = next;
                    seen += 1;
                }
            }
        }
    }

    /// Waits for a run to close, or for as long as the server likes to be asked.
    async fn await_close(&self, id: Option<&str>, run_id: &str) -> anyhow::Result<()> {
        let options = WorkflowFetchHistoryOptions::builder()
            .wait_new_event(true)
            .event_filter_type(HistoryEventFilterType::CloseEvent)
            .build();
        let handle = self.handle(id, Some(run_id));
        handle.fetch_history(options).into_events().await?;
        Ok(())
    }

    /// A task that times out although the recipe does not wait for that: the machine was too slow.
    fn check_in_time(&self, events: &[HistoryEvent]) -> anyhow::Result<()> {
        let planned = self.case.steps.iter().any(|step| {
            matches!(step, Step::AwaitEvent { r#type, .. } if r#type == "WORKFLOW_TASK_TIMED_OUT")
        });
        let happened = events
            .iter()
            .any(|event| event.event_type() == EventType::WorkflowTaskTimedOut);
        ensure!(
            planned || !happened,
            "a workflow task timed out; try again when less is going on"
        );
        Ok(())
    }

    /// Writes one history as the official command line prints it, after the official replayer has
    /// accepted it.
    async fn export(&self, export: Export) -> anyhow::Result<()> {
        let id = export.id.as_deref();
        let (run_id, events) = self.closed(id, export.run).await?;
        self.check_in_time(&events)?;
        replay(&*worker::replayer(self.build)?, events).await?;
        let id = id.unwrap_or(&self.case.name);
        let path = self.lab.options.out.join(format!("{}.json", export.file));
        show(&self.lab.options, id, &run_id, &path).await
    }
}

async fn show(options: &Options, id: &str, run_id: &str, path: &Path) -> anyhow::Result<()> {
    let output = Command::new(&options.temporal)
        .args([
            "workflow",
            "show",
            "--output",
            "json",
            "--address",
            &options.server,
        ])
        .args(["--workflow-id", id, "--run-id", run_id])
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(path, output.stdout)?;
    Ok(())
}

async fn replay(replayer: &WorkflowReplayer, events: Vec<HistoryEvent>) -> anyhow::Result<()> {
    // A run that no worker has ever seen has nothing to replay.
    if !events
        .iter()
        .any(|event| event.event_type() == EventType::WorkflowTaskCompleted)
    {
        return Ok(());
    }
    replayer
        .replay_workflow(History { events }.into())
        .await
        .context("official replay")
}

/// The successor's run id ("" if none) of an event that closes a run; `None` of any other.
fn close(attributes: &Attributes) -> Option<String> {
    Some(match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            it.new_execution_run_id.clone()
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => it.new_execution_run_id.clone(),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => it.new_execution_run_id.clone(),
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
            it.new_execution_run_id.clone()
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(_)
        | Attributes::WorkflowExecutionTerminatedEventAttributes(_) => String::new(),
        _ => return None,
    })
}

fn event_type(name: &str) -> anyhow::Result<EventType> {
    EventType::from_str_name(&format!("EVENT_TYPE_{name}"))
        .with_context(|| format!("{name} is no event type"))
}

fn payloads(values: &[Value]) -> RawValue {
    RawValue::new(values.iter().map(payload).collect())
}

fn payload(value: &Value) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: value.to_string().into_bytes(),
        ..Default::default()
    }
}
