//! One suite for every store. A store's own test makes a [`Subject`] and calls [`check`].

use std::collections::BTreeMap;

use steadfast_core::{
    Batch, Entry, Epoch, EventId, Execution, ExecutionKey, Record, RunId, RunKey, ShardId,
    Timestamp,
    effect::EventRange,
    visibility::{Filter, GroupBy, Listed},
};

use crate::{
    Commit, CommitError, Page, Query, Recovered, Store, StoreError, Ticket,
    testing::{
        Model, Rng, Workload,
        rows::{self, Reference},
    },
};

/// A store under test, and the machine that it runs on.
pub trait Subject {
    /// The store.
    fn store(&mut self) -> &mut dyn Store;

    /// Ends the process and begins a new one on the same machine.
    fn restart(&mut self);

    /// Lets the next commit fail. Says whether it can.
    fn fail_next_commit(&mut self) -> bool;
}

/// Makes an empty store with so many shards.
pub type Make<'a> = &'a mut dyn FnMut(u32) -> Box<dyn Subject>;

/// Runs every case.
///
/// # Panics
/// If the store does not do what a store must.
pub fn check(make: Make<'_>) {
    new_store_is_empty(make);
    reads_show_what_was_submitted(make);
    batches_become_durable_in_order(make);
    empty_batches_wait_for_earlier_ones(make);
    loading_is_folding(make);
    history_gives_exactly_the_range(make);
    missing_events_are_an_error(make);
    shards_are_apart(make);
    unknown_shards_are_refused(make);
    epochs_grow_and_fence(make);
    durable_batches_survive_a_restart(make);
    a_batch_survives_as_a_whole(make);
    a_failed_commit_poisons_the_shard(make);
    a_healthy_shard_is_not_poisoned(make);
    random_work_matches_the_model(make);
    deleted_runs_are_gone(make);
    rows_are_listed_when_they_are_durable(make);
    random_filters_find_what_the_reference_finds(make);
}

const SHARD: ShardId = ShardId(0);

/// A subject with one shard, opened, and batches for it.
struct Case {
    subject: Box<dyn Subject>,
    workload: Workload,
    rng: Rng,
    model: Model,
    epoch: Epoch,
}

impl Case {
    fn new(make: Make<'_>) -> Self {
        let mut case = Self {
            subject: make(1),
            workload: Workload::new(SHARD, 1, 3),
            rng: Rng::new(7),
            model: Model::new(1),
            epoch: Epoch(0),
        };
        case.open();
        case
    }

    fn store(&mut self) -> &mut dyn Store {
        self.subject.store()
    }

    fn open(&mut self) -> Recovered {
        let recovered = self.store().open_shard(SHARD).expect("the shard opens");
        self.epoch = recovered.epoch;
        recovered
    }

    fn batch(&mut self) -> Batch {
        let high = self.model.next_high();
        let batch = self.workload.batch(&mut self.rng, self.epoch, high);
        self.model.submitted(batch.clone());
        batch
    }

    /// Submits so many batches; the tickets.
    fn submit(&mut self, batches: usize) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for _ in 0..batches {
            let batch = self.batch();
            tickets.push(self.store().submit(batch));
        }
        tickets
    }

    fn settle(&mut self) -> Vec<Commit> {
        settle(self.store())
    }

    fn check(&mut self) {
        let checked = self.model.check(self.subject.store(), SHARD);
        checked.expect("the store holds what was submitted");
    }

    /// All rows are those of what was submitted and settled.
    fn check_rows(&mut self) {
        let reference = Reference::fold(self.model.current(SHARD));
        let expected = reference.list(&"default".into(), &Filter::ALL);
        assert_eq!(self.rows(&Filter::ALL, usize::MAX, usize::MAX), expected);
    }

    /// One page, as soon as a store that has just been opened has written again what it found last.
    fn page(&mut self, query: &Query) -> Page {
        loop {
            match self.store().list(query) {
                Err(StoreError::NotYet) => self.store().poll_durable(&mut Vec::new()),
                page => return page.expect("it lists"),
            }
        }
    }

    /// The rows that a filter wants, by pages of `limit` for which `budget` rows are looked at.
    fn rows(&mut self, filter: &Filter, limit: usize, budget: usize) -> Vec<Listed> {
        let mut query = Query {
            namespace: "default".into(),
            filter: filter.clone(),
            after: None,
            limit,
            budget,
        };
        let mut rows = Vec::new();
        loop {
            let page = self.page(&query);
            assert!(page.rows.len() <= limit, "{} of {limit}", page.rows.len());
            rows.extend(page.rows);
            if page.next.is_none() {
                return rows;
            }
            assert!(page.next > query.after, "{filter} goes on");
            query.after = page.next;
        }
    }

    fn count(
        &mut self,
        filter: &Filter,
        by: Option<GroupBy>,
        budget: usize,
    ) -> BTreeMap<String, u64> {
        let mut query = Query {
            namespace: "default".into(),
            filter: filter.clone(),
            after: None,
            limit: 1,
            budget,
        };
        let mut counts = BTreeMap::new();
        loop {
            let count = self.store().count(&query, by).expect("it counts");
            for (group, count) in count.counts {
                *counts.entry(group).or_default() += count;
            }
            if count.next.is_none() {
                return counts;
            }
            query.after = count.next;
        }
    }

    fn load(&mut self, key: &ExecutionKey) -> Option<Execution> {
        self.store().load(key).expect("the shard is healthy")
    }
}

/// Polls until every ticket has ended.
///
/// # Panics
/// If that never comes.
pub fn settle(store: &mut dyn Store) -> Vec<Commit> {
    let mut ended = Vec::new();
    for _ in 0..1_000 {
        store.poll_durable(&mut ended);
        if store.outstanding() == 0 {
            return ended;
        }
    }
    panic!("{} tickets never ended", store.outstanding());
}

fn all_ok(tickets: &[Ticket]) -> Vec<Commit> {
    tickets.iter().map(|ticket| (*ticket, Ok(()))).collect()
}

fn new_store_is_empty(make: Make<'_>) {
    let mut subject = make(3);
    let store = subject.store();
    assert_eq!(store.shards(), 3);
    for shard in 0..3 {
        let recovered = store.open_shard(ShardId(shard)).expect("it opens");
        assert_eq!(recovered.high, Timestamp::EPOCH);
        assert!(recovered.epoch > Epoch(0), "epochs begin after none");
        let mut visit = |key: &ExecutionKey, _| panic!("{key} in an empty store");
        store.scan(ShardId(shard), &mut visit).expect("it scans");
    }
    let key = ExecutionKey::new("default", "order-1");
    assert_eq!(store.load(&key).expect("it loads"), None);
    assert_eq!(store.outstanding(), 0);
}

fn reads_show_what_was_submitted(make: Make<'_>) {
    let mut case = Case::new(make);
    for _ in 0..20 {
        case.submit(1);
        case.check();
    }
    case.settle();
    case.check();
}

fn batches_become_durable_in_order(make: Make<'_>) {
    let mut case = Case::new(make);
    let mut tickets = case.submit(5);
    let mut ended = Vec::new();
    case.store().poll_durable(&mut ended);
    tickets.extend(case.submit(5));
    assert!(tickets.is_sorted(), "tickets grow");
    ended.extend(case.settle());
    assert_eq!(ended, all_ok(&tickets));
}

fn empty_batches_wait_for_earlier_ones(make: Make<'_>) {
    let mut case = Case::new(make);
    let mut tickets = case.submit(1);
    let empty = Batch {
        entries: Vec::new(),
        ..case
            .workload
            .clone()
            .batch(&mut Rng::new(1), case.epoch, Timestamp::EPOCH)
    };
    tickets.push(case.store().submit(empty.clone()));
    assert_eq!(case.store().outstanding(), 2);
    assert_eq!(case.settle(), all_ok(&tickets));
    let alone = case.store().submit(empty);
    assert_eq!(case.settle(), all_ok(&[alone]));
}

fn loading_is_folding(make: Make<'_>) {
    let mut case = Case::new(make);
    case.submit(30);
    let keys = case.workload.keys().to_vec();
    for key in keys {
        let batches: Vec<_> = case.model.current(SHARD).cloned().collect();
        let entries = batches.iter().flat_map(|b| &b.entries);
        let of_key: Vec<_> = entries.filter(|e| e.key == key).collect();
        let expected = (!of_key.is_empty()).then(|| Execution::fold(of_key));
        assert_eq!(case.load(&key), expected);
    }
}

/// Submits until a run has events: it, and they.
fn run_with_events(case: &mut Case, least: usize) -> (RunKey, Vec<bytes::Bytes>) {
    loop {
        case.submit(5);
        let mut runs = BTreeMap::new();
        for entry in case.model.current(SHARD).flat_map(|batch| &batch.entries) {
            if let Record::Event(bytes) = &entry.record {
                let run = RunKey {
                    execution: entry.key.clone(),
                    run_id: entry.run_id.clone(),
                };
                runs.entry(run).or_insert_with(Vec::new).push(bytes.clone());
            }
        }
        if let Some(found) = runs.into_iter().find(|(_, events)| events.len() >= least) {
            return found;
        }
    }
}

fn range(first: i64, last: i64) -> EventRange {
    EventRange {
        first: EventId(first),
        last: EventId(last),
    }
}

fn history_gives_exactly_the_range(make: Make<'_>) {
    let mut case = Case::new(make);
    let (run, events) = run_with_events(&mut case, 5);
    case.settle();
    let count = i64::try_from(events.len()).expect("few");
    for (first, last) in [
        (1, count),
        (1, 1),
        (2, 4),
        (count, count),
        (3, count),
        (4, 3),
    ] {
        let found = case.store().history(&run, range(first, last));
        let from = usize::try_from(first - 1).expect("positive");
        let to = usize::try_from(last).expect("positive");
        let expected = events.get(from..to).unwrap_or_default();
        assert_eq!(found.expect("they are there"), expected, "{first}..={last}");
    }
}

fn missing_events_are_an_error(make: Make<'_>) {
    let mut case = Case::new(make);
    let (run, events) = run_with_events(&mut case, 2);
    let count = i64::try_from(events.len()).expect("few");
    let unknown = RunKey {
        run_id: "no-such-run".into(),
        ..run.clone()
    };
    for (run, range) in [
        (&run, range(1, count + 1)),
        (&run, range(0, 1)),
        (&run, range(-3, 1)),
        (&unknown, range(1, 1)),
    ] {
        let found = case.store().history(run, range);
        assert!(
            matches!(found, Err(StoreError::NoSuchEvents { .. })),
            "{found:?}"
        );
    }
}

fn shards_are_apart(make: Make<'_>) {
    let mut subject = make(2);
    let mut rng = Rng::new(3);
    let mut batches = Vec::new();
    for shard in [ShardId(0), ShardId(1)] {
        let store = subject.store();
        let epoch = store.open_shard(shard).expect("it opens").epoch;
        let mut workload = Workload::new(shard, 2, 2);
        let batch = workload.batch(&mut rng, epoch, Timestamp::from_secs(1));
        store.submit(batch.clone());
        batches.push(batch);
    }
    settle(subject.store());
    for batch in &batches {
        let mut seen = Vec::new();
        let mut visit = |key: &ExecutionKey, _| seen.push(key.clone());
        let scanned = subject.store().scan(batch.shard, &mut visit);
        scanned.expect("it scans");
        let mut expected: Vec<_> = batch.entries.iter().map(|e| e.key.clone()).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(seen, expected);
    }
}

fn unknown_shards_are_refused(make: Make<'_>) {
    let mut subject = make(2);
    let store = subject.store();
    let opened = store.open_shard(ShardId(2));
    assert!(
        matches!(opened, Err(StoreError::NoSuchShard { shards: 2, .. })),
        "{opened:?}"
    );
    let scanned = store.scan(ShardId(9), &mut |_, _| {});
    assert!(
        matches!(scanned, Err(StoreError::NoSuchShard { .. })),
        "{scanned:?}"
    );
    let batch = Batch {
        shard: ShardId(2),
        epoch: Epoch(1),
        high: Timestamp::EPOCH,
        entries: Vec::new(),
    };
    let ticket = store.submit(batch);
    let ended = settle(store);
    assert!(
        matches!(&ended[..], [(t, Err(_))] if *t == ticket),
        "{ended:?}"
    );
}

fn epochs_grow_and_fence(make: Make<'_>) {
    let mut case = Case::new(make);
    let old = case.epoch;
    let mut tickets = case.submit(2);
    let high = case.model.next_high();
    let stale = case.workload.clone().batch(&mut Rng::new(5), old, high);
    let newer = case.open();
    assert!(newer.epoch > old, "{newer:?} after {old:?}");
    case.check();
    let refused = case.store().submit(stale.clone());
    tickets.extend(case.submit(1));
    let fenced = CommitError::Fenced {
        stale: old,
        newest: newer.epoch,
    };
    let mut expected = all_ok(&tickets);
    expected.insert(2, (refused, Err(fenced)));
    assert_eq!(case.settle(), expected);
    case.check();

    case.subject.restart();
    let newest = case.open();
    assert!(newest.epoch > newer.epoch, "{newest:?} after {newer:?}");
    let refused = case.store().submit(stale);
    assert!(matches!(&case.settle()[..], [(t, Err(CommitError::Fenced { .. }))] if *t == refused));
    case.check();
}

fn durable_batches_survive_a_restart(make: Make<'_>) {
    let mut case = Case::new(make);
    for _ in 0..4 {
        case.submit(10);
        case.settle();
        let high = case.model.current(SHARD).last().map(|batch| batch.high);
        case.subject.restart();
        assert_eq!(Some(case.open().high), high);
        case.check();
    }
}

fn a_batch_survives_as_a_whole(make: Make<'_>) {
    let mut case = Case::new(make);
    case.submit(3);
    case.settle();
    case.submit(3);
    case.subject.restart();
    let recovered = case.open();
    let reopened = case.model.reopened(case.subject.store(), SHARD, recovered);
    reopened.expect("a prefix of what was submitted");
}

fn deleted_runs_are_gone(make: Make<'_>) {
    let mut case = Case::new(make);
    case.submit(40);
    case.settle();
    let key = case.workload.keys()[0].clone();
    let runs = |store: &dyn Store| {
        let execution = store.load(&key).expect("it loads").unwrap_or_default();
        execution.runs.into_keys().collect::<Vec<_>>()
    };
    let before = runs(case.subject.store());
    let first_event = EventRange {
        first: EventId::FIRST,
        last: EventId::FIRST,
    };
    let history = |store: &dyn Store, run_id: &RunId| {
        let run = RunKey {
            execution: key.clone(),
            run_id: run_id.clone(),
        };
        store.history(&run, first_event)
    };
    for (deleted, run_id) in before.iter().enumerate() {
        let batch = Batch {
            shard: SHARD,
            epoch: case.epoch,
            high: case.model.next_high(),
            entries: vec![Entry {
                key: key.clone(),
                run_id: run_id.clone(),
                record: Record::Deleted,
            }],
        };
        case.store().submit(batch);
        let left = &before[deleted + 1..];
        assert_eq!(runs(case.subject.store()), left, "seen at once");
        case.settle();
        for restarted in [false, true] {
            if restarted {
                case.subject.restart();
                case.open();
            }
            let store = case.subject.store();
            assert_eq!(runs(store), left, "restarted: {restarted}");
            assert!(history(store, run_id).is_err(), "the history is gone too");
            for other in left {
                history(store, other).expect("the others are as they were");
            }
        }
    }
}

fn a_failed_commit_poisons_the_shard(make: Make<'_>) {
    let mut case = Case::new(make);
    case.submit(3);
    case.settle();
    let before: Vec<_> = case.model.current(SHARD).cloned().collect();
    let doomed = case.batch();
    if !case.subject.fail_next_commit() {
        return;
    }
    let first = case.store().submit(doomed.clone());
    let second = case.store().submit(doomed.clone());
    let ended = case.settle();
    for (ended, ticket) in ended.iter().zip([first, second]) {
        let (t, result) = ended;
        assert!(
            *t == ticket && matches!(result, Err(CommitError::Failed(_))),
            "{ended:?}"
        );
    }
    let later = case.store().submit(doomed);
    let ended = case.settle();
    assert!(
        matches!(&ended[..], [(t, Err(CommitError::Failed(_)))] if *t == later),
        "later ones fail as well: {ended:?}"
    );
    let read = case.store().load(&ExecutionKey::new("default", "order-0"));
    assert!(matches!(read, Err(StoreError::Poisoned { .. })), "{read:?}");

    let recovered = case.open();
    assert_eq!(recovered.high, before.last().expect("three").high);
    case.workload.rewind(&before);
    case.model = Model::new(1);
    for batch in before {
        case.model.submitted(batch);
    }
    case.check();
    let tickets = case.submit(3);
    assert_eq!(case.settle(), all_ok(&tickets));
    case.subject.restart();
    case.open();
    case.check();
}

fn a_healthy_shard_is_not_poisoned(make: Make<'_>) {
    let mut subject = make(2);
    let mut rng = Rng::new(11);
    let mut workloads = [0, 1].map(|shard| Workload::new(ShardId(shard), 2, 2));
    let store = subject.store();
    let epochs = [0, 1].map(|shard| store.open_shard(ShardId(shard)).expect("it opens").epoch);
    let mut next = |shard: usize| workloads[shard].batch(&mut rng, epochs[shard], Timestamp::MAX);
    let (healthy, doomed, healthy_again) = (next(1), next(0), next(1));
    store.submit(healthy);
    settle(store);
    if !subject.fail_next_commit() {
        return;
    }
    let store = subject.store();
    store.submit(doomed);
    settle(store);
    let ticket = store.submit(healthy_again);
    assert_eq!(settle(store), all_ok(&[ticket]));
}

fn random_work_matches_the_model(make: Make<'_>) {
    let mut case = Case::new(make);
    for round in 0..150 {
        let count = 1 + case.rng.index(4);
        case.submit(count);
        if case.rng.one_in(2) {
            let mut ended = Vec::new();
            case.store().poll_durable(&mut ended);
            assert!(ended.iter().all(|(_, result)| result.is_ok()), "{ended:?}");
        }
        if round % 30 == 0 {
            case.settle();
            case.check_rows();
            case.subject.restart();
            case.open();
            case.check();
            case.settle();
            case.check_rows();
        }
    }
    case.check();
}

fn rows_are_listed_when_they_are_durable(make: Make<'_>) {
    let mut case = Case::new(make);
    case.submit(40);
    assert_eq!(case.rows(&Filter::ALL, 9, 9), [], "nothing is durable yet");
    case.settle();
    case.check_rows();
    let before: Vec<_> = case.model.current(SHARD).cloned().collect();
    if !case.subject.fail_next_commit() {
        return;
    }
    case.submit(40);
    case.settle();
    let expected = Reference::fold(&before).list(&"default".into(), &Filter::ALL);
    let found = case.rows(&Filter::ALL, 9, 9);
    assert_eq!(found, expected, "what failed is not listed");
}

fn random_filters_find_what_the_reference_finds(make: Make<'_>) {
    let mut case = Case::new(make);
    case.workload = Workload::new(SHARD, 1, 40);
    case.submit(400);
    case.settle();
    let reference = Reference::fold(case.model.current(SHARD));
    let namespace = "default".into();
    let mut found = 0;
    for _ in 0..400 {
        let filter = rows::filter(&mut case.rng, 3);
        let (limit, budget) = (1 + case.rng.index(50), 1 + case.rng.index(50));
        let expected = reference.list(&namespace, &filter);
        found += expected.len();
        assert_eq!(case.rows(&filter, limit, budget), expected, "{filter}");
        for by in [
            None,
            Some(GroupBy::ExecutionStatus),
            Some(GroupBy::NamespaceDivision),
        ] {
            let expected = reference.count(&namespace, &filter, by);
            assert_eq!(
                case.count(&filter, by, budget),
                expected,
                "{filter} by {by:?}"
            );
        }
        assert_eq!(case.rows(&Filter::Or(Vec::new()), limit, budget), []);
    }
    assert!(found > 2_000, "the filters want too little: {found}");
}
