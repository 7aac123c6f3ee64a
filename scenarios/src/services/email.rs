//! The mail service: a mail cannot be taken back, but the same one is not sent twice.

use steadfast_sim::{
    cluster::{ActivityContext, Book, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, unknown};
use crate::workflows::activities::Email as Mail;

/// Mails that were sent.
#[derive(Clone, Debug, Default)]
pub struct Email {
    done: Done,
}

impl Service for Email {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if call.operation != "send" {
            return Err(unknown(call));
        }
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let entry = book.forward([]);
        let nothing = answer(&())?;
        self.done.remember(call, &nothing, Some(entry));
        Ok(nothing)
    }
}

/// Registers the service `email`, and the activity `sendEmail`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    suite
        .service(
            "email",
            ServiceDeclaration::new(|_| Ok(Email::default())).at_most_once("send"),
        )
        .activity("sendEmail", |ctx: ActivityContext, mail: Mail| async move {
            ctx.call::<_, ()>("email", "send", &mail.key, &mail).await?;
            Ok(())
        })
}
