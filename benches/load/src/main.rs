//! A load on any server that speaks Temporal's API: workflows of one activity (or more), so many at a time, started,
//! run and awaited by the official SDK. Prints one JSON object.
//!
//! `steadfast-load ADDRESS [--workflows N] [--concurrency N] [--activities N]`

use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, Url, WorkflowStartOptions,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::PollerBehavior,
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::{JoinSet, LocalSet},
};

struct Echo;

#[activities]
impl Echo {
    #[activity]
    async fn echo(_: ActivityContext, number: u64) -> Result<u64, ActivityError> {
        Ok(number)
    }
}

#[workflow]
struct Steps {
    count: u64,
}

#[workflow_methods]
impl Steps {
    #[init]
    fn new(_: &WorkflowContextView, count: u64) -> Self {
        Self { count }
    }

    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u64> {
        let count = ctx.state(|s| s.count);
        let mut last = 0;
        for step in 0..count {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
            last = ctx.execute_activity(Echo::echo, step, options)?.await?;
        }
        Ok(last)
    }
}

struct Wanted {
    address: String,
    workflows: usize,
    concurrency: usize,
    activities: u64,
}

fn wanted() -> anyhow::Result<Wanted> {
    let mut args = std::env::args().skip(1);
    let address = args.next().context("the address of a server, as in 127.0.0.1:7233")?;
    let mut wanted = Wanted {
        address,
        workflows: 2_000,
        concurrency: 32,
        activities: 1,
    };
    while let Some(flag) = args.next() {
        let value = args.next().with_context(|| format!("a number after {flag}"))?;
        match flag.as_str() {
            "--workflows" => wanted.workflows = value.parse()?,
            "--concurrency" => wanted.concurrency = value.parse()?,
            "--activities" => wanted.activities = value.parse()?,
            _ => bail!("unknown flag {flag}"),
        }
    }
    Ok(wanted)
}

async fn connect(address: &str) -> anyhow::Result<Client> {
    let url = Url::from_str(&format!("http://{address}"))?;
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await?;
    Ok(Client::new(connection, ClientOptions::new("default").build())?)
}

const QUEUE: &str = "load";

/// Starts workflows, so many at a time, and says how long each took from its start to its result.
async fn drive(client: Client, wanted: &Wanted, run: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
    let slots = Arc::new(Semaphore::new(wanted.concurrency));
    let lasted = Arc::new(Mutex::new(Vec::new()));
    let mut all = JoinSet::new();
    for number in 0..count {
        let (client, slots, lasted) = (client.clone(), slots.clone(), lasted.clone());
        let (id, activities) = (format!("{run}-{number}"), wanted.activities);
        all.spawn(async move {
            let _slot = slots.acquire_owned().await?;
            let began = Instant::now();
            let options = WorkflowStartOptions::new(QUEUE, id).build();
            let handle = client.start_workflow(Steps::run, activities, options).await?;
            handle.get_result(Default::default()).await?;
            lasted.lock().await.push(began.elapsed());
            anyhow::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(std::mem::take(&mut *lasted.lock().await))
}

/// User and system time of this process, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(measure()))
}

async fn measure() -> anyhow::Result<()> {
    let wanted = wanted()?;
    let client = connect(&wanted.address).await?;
    let sdk = Runtime::from_current_tokio(Default::default())?;
    let options = WorkerOptions::new(QUEUE)
        .register_workflow::<Steps>()?
        .register_activities(Echo)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .build();
    let mut worker = Worker::new(&sdk, client.clone(), options)?;
    let stop = worker.shutdown_handle();
    let working = tokio::task::spawn_local(async move { worker.run().await });

    let run = format!("load-{}", std::process::id());
    drive(client.clone(), &wanted, &format!("{run}-warm"), wanted.concurrency * 2).await?;
    let (began, spent) = (Instant::now(), cpu());
    let mut lasted = drive(client, &wanted, &run, wanted.workflows).await?;
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu() - spent);
    stop();
    working.await??;

    lasted.sort_unstable();
    let at = |share: f64| lasted[((lasted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{{\"workflows\":{},\"concurrency\":{},\"activities\":{},\"seconds\":{wall:.3},\"per_second\":{:.1},\
         \"p50_ms\":{:.2},\"p99_ms\":{:.2},\"load_cpu_ms_per_workflow\":{:.3}}}",
        wanted.workflows,
        wanted.concurrency,
        wanted.activities,
        wanted.workflows as f64 / wall,
        at(0.5),
        at(0.99),
        cpu * 1e3 / wanted.workflows as f64,
    );
    Ok(())
}
