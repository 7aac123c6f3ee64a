//! The fraud department: says whether a customer may be served, always the same of the same customer.

use steadfast_sim::{
    cluster::{ActivityContext, Book, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::unknown;
use crate::workflows::activities::RiskQuestion;

/// Knows everybody.
#[derive(Clone, Debug, Default)]
pub struct Risk;

impl Service for Risk {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if call.operation != "assess" {
            return Err(unknown(call));
        }
        let question: RiskQuestion = call.input()?;
        book.read();
        answer(&!question.customer.starts_with("fraud"))
    }
}

/// Registers the service `risk`, and the activity `assessRisk`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    suite
        .service("risk", ServiceDeclaration::new(|_| Ok(Risk)))
        .activity(
            "assessRisk",
            |ctx: ActivityContext, question: RiskQuestion| async move {
                let trusted: bool = ctx
                    .call("risk", "assess", &question.customer, &question)
                    .await?;
                Ok(trusted)
            },
        )
}
