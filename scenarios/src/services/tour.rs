//! The activity of the feature tour: behaves as its label says.
//!
//! | label begins with | it |
//! |---|---|
//! | `fails-twice` | fails, and succeeds at the third attempt |
//! | `fails-always` | fails |
//! | `fails-for-good` | fails with the type `Bad` |
//! | `later` | fails and asks for three seconds before the second attempt, which succeeds |
//! | `hangs` | does nothing for ten minutes |
//! | `slow` | takes nine seconds |
//! | `beats` | takes five seconds and heartbeats every second; a retried attempt goes on where the last heartbeat was |
//! | `listens` | heartbeats until it is asked to cancel |
//! | anything else | succeeds at once |

use std::time::Duration;

use steadfast_sim::{
    cluster::{ActivityContext, ActivityError},
    suite::Suite,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn work(ctx: ActivityContext, label: String) -> Result<String, ActivityError> {
    let attempt = ctx.info().attempt;
    let is = |kind: &str| label.starts_with(kind);
    if is("fails-twice") && attempt < 3 || is("fails-always") {
        return Err(failed("Unwilling"));
    }
    if is("fails-for-good") {
        return Err(failed("Bad"));
    }
    if is("later") && attempt == 1 {
        return Err(failed("NotYet").retry_after(secs(3)));
    }
    if is("hangs") {
        ctx.sleep(secs(600)).await;
    }
    if is("slow") {
        ctx.sleep(secs(9)).await;
    }
    if is("beats") {
        let done = ctx.heartbeat_details::<u32>().unwrap_or(0);
        for beat in done + 1..=5 {
            ctx.sleep(secs(1)).await;
            ctx.heartbeat(&beat);
        }
    }
    if is("listens") {
        while !ctx.is_cancelled() {
            ctx.sleep(Duration::from_millis(500)).await;
            ctx.heartbeat(&());
        }
        return Err(ActivityError::Cancelled);
    }
    Ok(format!("done at attempt {attempt}"))
}

fn failed(kind: &str) -> ActivityError {
    ActivityError::Failed {
        kind: kind.to_owned(),
        message: "as the label says".to_owned(),
        non_retryable: false,
    }
}

/// Registers the activity `work`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    suite.activity("work", work)
}
