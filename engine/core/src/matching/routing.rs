//! Which version of the workers a task is for.
//!
//! Workers of a version have a queue of their own under each name; a task goes to the version that its route and the
//! routing of the queue come to. When a deployment's routing changes, what waits is sorted again.
// temporal: service/matching/task_queue_partition_manager.go, getPhysicalQueue.

use std::sync::Arc;

use super::{Matching, Queue};
use crate::{
    deployment::RoutingUpdate,
    effect::Effect,
    message::QueueKey,
    time::Monotonic,
    versioning::{Route, Version},
};

impl Matching {
    /// The version that a task of a queue is for.
    pub(super) fn target(&self, queue: &QueueKey, route: &Route) -> Option<Version> {
        if self.routing.is_empty() {
            return None;
        }
        let all = self.routing.get(&unversioned(queue))?;
        all.values().find_map(|routing| routing.target(route))
    }

    /// A deployment's queues are routed anew: what waits in them may be for another version now.
    pub(super) fn route(
        &mut self,
        now: Monotonic,
        update: RoutingUpdate,
        effects: &mut Vec<Effect>,
    ) {
        let known = (update.namespace.clone(), Arc::clone(&update.deployment));
        let revision = self.revisions.entry(known).or_default();
        if *revision > update.revision {
            return;
        }
        *revision = update.revision;
        for ((name, kind), routing) in update.queues {
            let key = QueueKey {
                namespace: update.namespace.clone(),
                kind,
                name,
                version: None,
            };
            self.routing
                .entry(key.clone())
                .or_default()
                .insert(Arc::clone(&update.deployment), routing);
            self.sort_again(now, &key, effects);
        }
    }

    fn sort_again(&mut self, now: Monotonic, queue: &QueueKey, effects: &mut Vec<Effect>) {
        let (mut tasks, mut queries) = (Vec::new(), Vec::new());
        for (_, queue) in self.versions_of_mut(queue) {
            tasks.extend(queue.tasks.drain(..));
            queries.extend(queue.queries.drain(..));
        }
        for offer in tasks {
            self.enqueue(now, offer, effects);
        }
        for query in queries {
            self.query(now, query.offer, effects);
        }
    }

    /// A queue for each version that polls it.
    pub(super) fn versions_of_mut<'a>(
        &'a mut self,
        queue: &QueueKey,
    ) -> impl Iterator<Item = (&'a QueueKey, &'a mut Queue)> {
        let first = unversioned(queue);
        let same = first.clone();
        self.queues
            .range_mut(first..)
            .take_while(move |(key, _)| unversioned(key) == same)
    }
}

/// A queue whatever the version of its workers.
fn unversioned(queue: &QueueKey) -> QueueKey {
    QueueKey {
        version: None,
        ..queue.clone()
    }
}
