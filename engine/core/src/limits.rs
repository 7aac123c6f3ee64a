//! Everything that can grow has a bound with a name, and each says what happens at it.

use std::time::Duration;

/// Longest id, name or type in bytes; longer is refused. temporal: `limit.maxIDLength`.
pub const MAX_ID_LENGTH: usize = 1_000;
/// Largest single payload field in bytes; larger terminates or refuses. temporal: `limit.blobSize.error`.
pub const MAX_BLOB_BYTES: usize = 2 * 1024 * 1024;
/// Pending activities, timers excepted, of one run; one more fails the workflow task.
/// temporal: `limit.numPendingActivities.error` and its siblings.
pub const MAX_PENDING: usize = 2_000;
/// Signals of one run; one more is refused. temporal: `history.maximumSignalsPerExecution`.
pub const MAX_SIGNALS: u64 = 10_000;
/// Updates of one run that are neither completed nor rejected; one more is refused.
/// temporal: `history.maxInFlightUpdates`.
pub const MAX_UPDATES_IN_FLIGHT: usize = 10;
/// Bytes of the requests of updates that wait for a worker's verdict; more are refused.
/// temporal: `history.maxInFlightUpdatePayloads`.
pub const MAX_UPDATE_BYTES_IN_FLIGHT: usize = 20 * 1024 * 1024;
/// Updates of one run; one more is refused. temporal: `history.maxTotalUpdates`.
pub const MAX_UPDATES: usize = 2_000;
/// From here a started workflow task suggests continue-as-new.
/// temporal: `history.maxTotalUpdates.suggestContinueAsNewThreshold`.
pub const SUGGEST_CAN_UPDATES: usize = 1_800;
/// Callers that wait for the updates of one run; one more is refused.
pub const MAX_UPDATE_WAITERS: usize = 1_000;
/// How long a caller waits for an update before it is told how far the update is.
/// temporal: `history.longPollExpirationInterval`.
pub const UPDATE_LONG_POLL: Duration = Duration::from_secs(20);
/// How long a speculative workflow task may wait for a poller. temporal: `SpeculativeWorkflowTaskScheduleToStartTimeout`.
pub const SPECULATIVE_SCHEDULE_TO_START: Duration = Duration::from_secs(5);
/// Events that a worker is shown again and again while all that it does is to reject updates; more are written down.
/// temporal: `history.discardSpeculativeWorkflowTaskMaximumEventsCount`.
pub const MAX_SPECULATIVE_EVENTS: i64 = 10;
/// From this attempt of a workflow task on, updates are refused. temporal: `failUpdateWorkflowTaskAttemptCount`.
pub const UPDATE_REFUSING_ATTEMPT: u32 = 3;
/// Events buffered during a started workflow task; one more forces that task to fail.
/// temporal: `history.maximumBufferedEventsBatch`.
pub const MAX_BUFFERED_EVENTS: usize = 100;
/// Bytes buffered during a started workflow task. temporal: `history.maximumBufferedEventsSizeInBytes`.
pub const MAX_BUFFERED_BYTES: usize = 2 * 1024 * 1024;
/// Events in one history; at the bound the run is terminated. temporal: `limit.historyCount.error`.
pub const MAX_HISTORY_EVENTS: i64 = 51_200;
/// Bytes in one history; at the bound the run is terminated. temporal: `limit.historySize.error`.
pub const MAX_HISTORY_BYTES: i64 = 50 * 1024 * 1024;
/// From here a started workflow task suggests continue-as-new. temporal: `limit.historyCount.suggestContinueAsNew`.
pub const SUGGEST_CAN_EVENTS: i64 = 4_096;
/// From here a started workflow task suggests continue-as-new. temporal: `limit.historySize.suggestContinueAsNew`.
pub const SUGGEST_CAN_BYTES: i64 = 4 * 1024 * 1024;
/// Queries waiting on one run; one more is refused. temporal: `history.maxBufferedQueryCount`.
pub const MAX_BUFFERED_QUERIES: usize = 20;
/// Requests waiting for one execution to be loaded; one more is refused as busy.
pub const MAX_WAITING_FOR_LOAD: usize = 1_000;
/// Long polls waiting on one run's history; one more is answered at once.
pub const MAX_HISTORY_WAITERS: usize = 200;
/// Signal request ids remembered per run, oldest forgotten first; bounds what dedupe may cost.
pub const MAX_SIGNAL_REQUEST_IDS: usize = 10_000;
/// Default and longest workflow task timeout. temporal: `history.defaultWorkflowTaskTimeout`.
pub const DEFAULT_WORKFLOW_TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// See [`DEFAULT_WORKFLOW_TASK_TIMEOUT`].
pub const MAX_WORKFLOW_TASK_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest backoff added to a failing workflow task's timeout. temporal: `history.workflowTaskRetryMaxInterval`.
pub const MAX_WORKFLOW_TASK_BACKOFF: Duration = Duration::from_secs(600);
/// How long heartbeating workflow tasks may go on. temporal: `history.workflowTaskHeartbeatTimeout`.
pub const WORKFLOW_TASK_HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Least time between the starts of two runs of a chain. temporal: `history.workflowIdReuseMinimalInterval`.
pub const MIN_RUN_SPACING: Duration = Duration::from_secs(1);
/// How long a worker that has ended is remembered, so that a poll of it that comes late ends too. temporal:
/// `matching.shutdownWorkerCacheTTL`, longer than a poll waits.
pub const ENDED_WORKER_MEMORY: Duration = Duration::from_secs(70);
/// So many of them are remembered; one more is not.
pub const MAX_ENDED_WORKERS: usize = 10_000;
/// A sticky queue that nobody polled for this long is passed over. temporal: `matching` sticky poller window.
pub const STICKY_LIVENESS: Duration = Duration::from_secs(10);
/// Durations are capped here. temporal: `common/primitives/timestamp/duration.go`.
pub const MAX_DURATION: Duration = Duration::from_secs(250 * 365 * 24 * 3600);
/// A message between machines that got no answer is sent again after this long.
pub const RESEND_INTERVAL: Duration = Duration::from_secs(2);
/// Executions that a shard keeps in memory before it evicts the longest idle.
pub const MAX_LOADED_EXECUTIONS: usize = 100_000;
/// Namespaces; one more is refused.
pub const MAX_NAMESPACES: usize = 10_000;
/// Worker deployments of one shard, which are always in memory; one more is refused. temporal: `matching.maxDeployments`.
pub const MAX_DEPLOYMENTS: usize = 1_000;
/// Versions of one worker deployment; one more is refused. temporal: `matching.maxVersionsInDeployment`.
pub const MAX_DEPLOYMENT_VERSIONS: usize = 100;
/// Queues of one version; one more is refused. temporal: `matching.maxTaskQueuesInDeploymentVersion`.
pub const MAX_DEPLOYMENT_QUEUES: usize = 1_000;
/// Bytes of a completion that comes in several parts. temporal: `history.workflowTaskCompletionBufferSizeLimit`.
pub const MAX_COMPLETION_BYTES: usize = 40 << 20;
/// Parts of one completion.
pub const MAX_COMPLETION_PAGES: usize = 1_000;
/// Nexus endpoints; one more is refused.
pub const MAX_ENDPOINTS: usize = 10_000;
/// Search attributes that users add to one namespace; one more is refused.
pub const MAX_SEARCH_ATTRIBUTES: usize = 500;
/// Workers that are known by what they say about themselves; the longest silent is forgotten for one more.
pub const MAX_WORKERS: usize = 100_000;
/// Pollers waiting on one queue; one more is refused.
pub const MAX_POLLERS: usize = 10_000;
/// How long a worker may take to answer a query before its caller is told to ask again.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a poll waits for a task. temporal: `matching.longPollExpirationInterval`.
pub const LONG_POLL: Duration = Duration::from_secs(60);
/// Search attributes of one request. temporal: `frontend.searchAttributesNumberOfKeysLimit`.
pub const MAX_REQUEST_SEARCH_ATTRIBUTES: usize = 100;
/// Bytes of one search attribute's value. temporal: `frontend.searchAttributesSizeOfValueLimit`.
pub const MAX_SEARCH_ATTRIBUTE_BYTES: usize = 2 * 1024;
/// Bytes of all search attributes of one request. temporal: `frontend.searchAttributesTotalSizeLimit`.
pub const MAX_SEARCH_ATTRIBUTES_BYTES: usize = 40 * 1024;
/// Rows of one page of a list. temporal: `frontend.visibilityMaxPageSize`.
pub const MAX_VISIBILITY_PAGE: usize = 1_000;
/// Default of how late a schedule's action may be. temporal: `DefaultCatchupWindow`.
pub const DEFAULT_CATCHUP_WINDOW: Duration = Duration::from_secs(365 * 24 * 3600);
/// Least value of the same; a shorter one becomes this. temporal: `MinCatchupWindow`.
pub const MIN_CATCHUP_WINDOW: Duration = Duration::from_secs(10);
/// How long a schedule is kept that has nothing more to do. temporal: `RetentionTime`.
pub const SCHEDULE_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Starts that wait in one schedule, and ranges to make up for; one more is dropped and counted.
/// temporal: `MaxBufferSize`.
pub const MAX_SCHEDULE_BUFFER: usize = 1_000;
/// Times of ranges to make up for that one step takes. temporal: `BackfillsPerIteration`.
pub const BACKFILLS_PER_STEP: usize = 10;
/// Times of its own that a schedule takes in one step; the others follow at once.
pub const SCHEDULE_TIMES_PER_STEP: usize = 1_000;
/// Overlapping starts of one schedule that are under way together; others wait for their answers.
pub const SCHEDULE_STARTS_AT_ONCE: usize = 10;
/// Update and patch request ids remembered per schedule; the oldest is forgotten first.
pub const MAX_SCHEDULE_REQUEST_IDS: usize = 1_000;
/// Actions that a schedule remembers; the oldest is forgotten first. temporal: `RecentActionCount`.
pub const RECENT_SCHEDULE_ACTIONS: usize = 10;
/// Future times shown of a schedule. temporal: `FutureActionCount`.
pub const FUTURE_SCHEDULE_ACTIONS: usize = 10;
/// Recent actions and future times shown in a list. temporal: `RecentActionCountForList`.
pub const LISTED_SCHEDULE_ACTIONS: usize = 5;
/// Calendars and intervals shown in a list. temporal: `SpecFieldLengthLimit`.
pub const LISTED_SPEC_PARTS: usize = 10;
/// Matching times in one answer. temporal: `maxListMatchingTimesCount`.
pub const MATCHING_TIMES: usize = 1_000;
/// Bytes of a schedule's notes; more are refused. temporal: `ScheduleNotesSizeLimit`.
pub const MAX_SCHEDULE_NOTES: usize = 1_000;
/// Calendars, intervals and ranges of one schedule; one more is refused.
pub const MAX_SCHEDULE_SPEC_PARTS: usize = 10_000;
/// Workflows that a batch operation names; more are refused. temporal: `frontend.maxExecutionCountBatchOperationPerNamespace`.
pub const MAX_BATCH_NAMED: usize = 1_000;
/// Workflows that a batch operation's filter finds; more are refused.
pub const MAX_BATCH_TARGETS: usize = 100_000;
/// Workflows that one batch operation asks at the same time; the next ones wait.
pub const BATCH_AT_ONCE: usize = 10;
/// Bytes of the comment of a schedule's calendar; one more is refused. temporal: `maxCommentLen`.
pub const MAX_SCHEDULE_COMMENT: usize = 200;
