//! The carrier: labels are bought, and voided. Buying one takes its time, so the activity heartbeats.

use std::time::Duration;

use steadfast_sim::{
    cluster::{ActivityContext, ActivityError, Book, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, too_late, unknown};
use crate::workflows::activities::{Shipment, Undo};

/// Labels that were bought.
#[derive(Clone, Debug, Default)]
pub struct Shipping {
    done: Done,
    labels: u64,
}

impl Shipping {
    fn label(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if self.done.was_undone(call) {
            book.read();
            return Err(too_late());
        }
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let entry = book.forward([]);
        self.labels += 1;
        let tracking = answer(&format!("track-{}", self.labels))?;
        self.done.remember(call, &tracking, Some(entry));
        Ok(tracking)
    }

    fn void(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let undo: Undo = call.input()?;
        let entry = match self.done.undo(&undo.undoes) {
            Some(entry) => book.compensate(entry, []),
            None => book.read(),
        };
        let nothing = answer(&())?;
        self.done.remember(call, &nothing, Some(entry));
        Ok(nothing)
    }
}

impl Service for Shipping {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        match call.operation.as_str() {
            "label" => self.label(call, book),
            "void" => self.void(call, book),
            _ => Err(unknown(call)),
        }
    }
}

/// The carrier prepares a label for so long before it can be bought.
const PREPARATION: Duration = Duration::from_secs(1);

async fn generate_label(ctx: ActivityContext, shipment: Shipment) -> Result<String, ActivityError> {
    ctx.heartbeat(&"preparing");
    ctx.sleep(PREPARATION).await;
    ctx.heartbeat(&"buying");
    let tracking = ctx
        .call("shipping", "label", &shipment.key, &shipment)
        .await?;
    Ok(tracking)
}

/// Registers the service `shipping`, and the activities `generateShippingLabel` and `cancelShippingLabel`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let service = ServiceDeclaration::new(|_| Ok(Shipping::default()))
        .compensates("label", "void")
        .at_most_once("label");
    suite
        .service("shipping", service)
        .activity("generateShippingLabel", generate_label)
        .activity(
            "cancelShippingLabel",
            |ctx: ActivityContext, undo: Undo| async move {
                ctx.call::<_, ()>("shipping", "void", &undo.key, &undo)
                    .await?;
                Ok(())
            },
        )
}
