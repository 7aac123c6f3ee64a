//! The accounts of a subscription service: activated when somebody pays, deactivated when nobody does.

use std::collections::BTreeMap;

use steadfast_sim::{
    cluster::{ActivityContext, Book, Service, ServiceCall, ServiceError, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, unknown};
use crate::workflows::activities::{Activation, Deactivation};

/// Who is what.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions {
    active: BTreeMap<String, bool>,
    done: Done,
}

impl Service for Subscriptions {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        let active = match call.operation.as_str() {
            "activate" => true,
            "deactivate" => false,
            _ => return Err(unknown(call)),
        };
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let user = if active {
            call.input::<Activation>()?.user_id
        } else {
            call.input::<Deactivation>()?.user_id
        };
        if self.active.get(&user) == Some(&!active) {
            book.read();
            return Err(ServiceError::fatal(
                "Settled",
                format!("{user} is settled otherwise"),
            ));
        }
        self.active.insert(user, active);
        let entry = book.forward([]);
        let nothing = answer(&())?;
        self.done.remember(call, &nothing, Some(entry));
        Ok(nothing)
    }
}

/// Registers the service `subscriptions`, and the activities `activateSubscription` and `deactivateAccount`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let service = ServiceDeclaration::new(|_| Ok(Subscriptions::default()))
        .at_most_once("activate")
        .at_most_once("deactivate");
    suite
        .service("subscriptions", service)
        .activity(
            "activateSubscription",
            |ctx: ActivityContext, to: Activation| async move {
                ctx.call::<_, ()>("subscriptions", "activate", &to.key, &to)
                    .await?;
                Ok(())
            },
        )
        .activity(
            "deactivateAccount",
            |ctx: ActivityContext, of: Deactivation| async move {
                ctx.call::<_, ()>("subscriptions", "deactivate", &of.key, &of)
                    .await?;
                Ok(())
            },
        )
}
