//! Something that produces items over time. Reading changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_sim::{
    cluster::{ActivityContext, ActivityError, Book, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::unknown;
use crate::workflows::activities::Poll;

/// An endless row of items.
#[derive(Clone, Debug, Default)]
pub struct Source;

/// Asks for the item at a position.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadItem {
    /// Where.
    pub position: u64,
}

impl Service for Source {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if call.operation != "read" {
            return Err(unknown(call));
        }
        let read: ReadItem = call.input()?;
        book.read();
        answer(&format!("item-{}", read.position))
    }
}

/// Items come no faster than this.
const PACE: Duration = Duration::from_millis(500);

/// Reads items one by one and heartbeats the cursor after each.
async fn poll(ctx: ActivityContext, poll: Poll) -> Result<u64, ActivityError> {
    let mut cursor = ctx
        .heartbeat_details::<u64>()
        .unwrap_or(poll.cursor)
        .max(poll.cursor);
    while cursor < poll.cursor + poll.limit {
        if ctx.is_cancelled() {
            return Err(ActivityError::Cancelled);
        }
        let key = format!("{}/{cursor}", poll.source);
        let read = ReadItem { position: cursor };
        let _item: String = ctx.call("source", "read", &key, &read).await?;
        cursor += 1;
        ctx.heartbeat(&cursor);
        ctx.sleep(PACE).await;
    }
    Ok(cursor)
}

/// Registers the service `source`, and the activity `pollSource`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    suite
        .service("source", ServiceDeclaration::new(|_| Ok(Source)))
        .activity("pollSource", poll)
}
