//! Storm and calm.

use super::{Phase, World};
use crate::kernel::core::Core;
use crate::kernel::faults::{ClassSet, FaultPlan};
use crate::kernel::process::{Message, NodeId};
use crate::kernel::storm::Sampler;
use crate::kernel::trace::TraceKind;

impl<M: Message> World<M> {
    /// Puts the fault plan in force.
    pub fn storm(&mut self) {
        self.core.phase = Phase::Storm;
        self.core.storm += 1;
        self.tell_world(TraceKind::Phase, "storm");
        for id in (0..).map(NodeId).take(self.hosts.len()) {
            self.expose(id);
        }
        self.apply_to_links();
        self.network = Sampler::for_network(&self.core.plan);
    }

    /// Ends all faults: heals the network, frees the disks, resumes and starts every node. Clocks
    /// stay as wrong as they are, but change no more.
    pub fn calm(&mut self) {
        self.core.phase = Phase::Calm;
        self.core.storm += 1;
        self.tell_world(TraceKind::Phase, "calm");
        self.network = Sampler::default();
        self.apply_to_links();
        self.core.net.heal();
        self.core.release_clogged(None);
        for id in (0..).map(NodeId).take(self.hosts.len()) {
            let node = &mut self.core.nodes[id.index()];
            node.sampler = Sampler::default();
            if let Some(disk) = &node.disk {
                disk.set_plan(
                    &FaultPlan::calm().with_shape(self.core.plan.shape.clone()),
                    ClassSet::ALL,
                );
                disk.set_full(false);
            }
            self.resume(id);
            self.start(id);
        }
    }

    /// Subjects a node to the plan.
    pub(super) fn expose(&mut self, id: NodeId) {
        let Core { nodes, plan, .. } = &mut self.core;
        let node = &mut nodes[id.index()];
        node.sampler = Sampler::for_node(plan, node.immune);
        if let Some(disk) = &node.disk {
            disk.set_plan(plan, node.immune);
        }
        self.core.skew(id);
    }

    pub(super) fn apply_to_links(&mut self) {
        let Core {
            net,
            nodes,
            plan,
            phase,
            ..
        } = &mut self.core;
        let immune = nodes.iter().map(|node| match phase {
            Phase::Storm => node.immune,
            Phase::Calm => ClassSet::ALL,
        });
        net.set_plan(plan, &immune.collect::<Vec<_>>());
    }
}
