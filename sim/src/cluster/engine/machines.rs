//! Messages between machines: also inside one process they may be lost, late, doubled and overtaken.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use steadfast_core::message::{Address, Envelope};

use super::{DETOURS, EngineNode};
use crate::{
    cluster::{
        describe,
        weather::{MACHINE_DELAY, MACHINE_FATE},
        wire::Wire,
    },
    kernel::Ctx,
};

/// Messages that take their time.
#[derive(Debug, Default)]
pub(super) struct Detours {
    next: u32,
    under_way: BTreeMap<u32, Envelope>,
}

const LONGEST: Duration = Duration::from_secs(5);

impl Detours {
    fn begin(&mut self, envelope: Envelope) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.under_way.insert(self.next, envelope);
        DETOURS | u64::from(self.next)
    }

    /// A message arrives after all.
    pub(super) fn end(&mut self, token: u64) -> Option<Envelope> {
        let number = u32::try_from(token & !super::TAGS).ok()?;
        self.under_way.remove(&number)
    }
}

impl EngineNode {
    /// A machine of this process says something.
    pub(super) fn send(&mut self, ctx: &mut Ctx<'_, Wire>, mut envelope: Envelope) {
        self.saboteur.message(&mut envelope);
        let topology = self.config.topology.borrow();
        let to = match envelope.to {
            Address::Shard(shard) => topology.owner(shard),
            Address::Matching => topology.matching(),
        };
        drop(topology);
        if to != ctx.node() {
            return ctx.send(to, Wire::Machine(Rc::new(envelope)));
        }
        let rate = self.config.weather.machines().as_per_million();
        let fate = ctx.choose(
            MACHINE_FATE,
            ctx.node(),
            &[3_000_000 - 3 * rate.min(999_999), rate, rate, rate],
        );
        let label = [
            "machine",
            "machine message lost",
            "machine message doubled",
            "machine message late",
        ];
        let digest = envelope.sequence;
        ctx.trace(label[fate.min(3)], digest, |out| {
            describe::machine(&envelope, out)
        });
        match fate {
            0 => self.inbox.push_back(envelope),
            1 => {}
            2 => {
                self.inbox.push_back(envelope.clone());
                self.delay(ctx, envelope);
            }
            _ => self.delay(ctx, envelope),
        }
    }

    fn delay(&mut self, ctx: &mut Ctx<'_, Wire>, envelope: Envelope) {
        let most = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let by = ctx.choose_range(MACHINE_DELAY, ctx.node(), 1..most);
        let token = self.detours.begin(envelope);
        ctx.set_timer(Duration::from_nanos(by), token);
    }
}
