//! The node that a service runs on: slow, sometimes unwilling, and mortal. What it has done is not.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use super::{
    ledger::Ledger,
    service::{Book, Service},
    topology::Topology,
    weather::{SERVICE_FAILURE, SERVICE_HANG, SERVICE_LATENCY, SERVICE_REFUSAL},
    wire::{CallId, ServiceCall, ServiceError, Wire},
};
use crate::{
    kernel::{Ctx, Peer, Process},
    scenario::ServiceConfig,
};

/// What survives a service's crashes: its state, and counts for reports.
pub struct ServiceStore {
    /// The service's name.
    pub name: Rc<str>,
    /// Its state machine.
    pub service: Box<dyn Service>,
    /// How often each operation was handled.
    pub handled: BTreeMap<String, u64>,
}

impl fmt::Debug for ServiceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceStore")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A process of a service.
#[derive(Debug)]
pub struct ServiceNode {
    store: Rc<RefCell<ServiceStore>>,
    config: ServiceConfig,
    ledger: Ledger,
    topology: Rc<RefCell<Topology>>,
    at_work: BTreeMap<u64, (Peer, CallId, Rc<ServiceCall>)>,
    next: u64,
}

impl ServiceNode {
    /// A new process over what the earlier ones have done.
    #[must_use]
    pub fn new(
        store: Rc<RefCell<ServiceStore>>,
        config: ServiceConfig,
        ledger: Ledger,
        topology: Rc<RefCell<Topology>>,
    ) -> Self {
        Self {
            store,
            config,
            ledger,
            topology,
            at_work: BTreeMap::new(),
            next: 0,
        }
    }

    fn finish(&mut self, ctx: &mut Ctx<'_, Wire>, from: Peer, id: CallId, call: &ServiceCall) {
        let node = ctx.node();
        let mut store = self.store.borrow_mut();
        *store.handled.entry(call.operation.clone()).or_default() += 1;
        let result = if ctx
            .chance()
            .roll(SERVICE_FAILURE, node, self.config.failure)
        {
            Err(ServiceError::transient("Unavailable", "try again later"))
        } else if ctx
            .chance()
            .roll(SERVICE_REFUSAL, node, self.config.refusal)
        {
            Err(ServiceError::fatal("Refused", "not for you"))
        } else {
            let ServiceStore { name, service, .. } = &mut *store;
            let mut book = Book {
                ledger: &self.ledger,
                service: name,
                call,
                now: ctx.true_time(),
            };
            service.handle(call, &mut book)
        };
        if ctx.chance().roll(SERVICE_HANG, node, self.config.hang) {
            return;
        }
        ctx.reply(from, Wire::Result(id, Rc::new(result)));
    }
}

impl Process<Wire> for ServiceNode {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Wire>) {
        let workers = self.topology.borrow().workers.clone();
        for worker in workers {
            ctx.send(worker, Wire::Hello);
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Wire>, from: Peer, message: Wire) {
        let Wire::Call(id, call) = message else {
            return;
        };
        let least = u64::try_from(self.config.latency.min.as_nanos()).unwrap_or(u64::MAX);
        let most = u64::try_from(self.config.latency.max.as_nanos()).unwrap_or(u64::MAX);
        let latency = ctx.choose_range(SERVICE_LATENCY, ctx.node(), least..most.saturating_add(1));
        let token = self.next;
        self.next += 1;
        self.at_work.insert(token, (from, id, call));
        ctx.set_timer(std::time::Duration::from_nanos(latency), token);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        if let Some((from, id, call)) = self.at_work.remove(&token) {
            self.finish(ctx, from, id, &call);
        }
    }
}
