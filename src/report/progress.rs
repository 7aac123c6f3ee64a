//! The progress bar, on stderr and only where somebody looks at it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use steadfast_sim::report::Coverage;
use steadfast_sim::scenario::duration_text;

/// The progress of one scenario.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    simulated: Duration,
    failed: u64,
}

impl Progress {
    /// Begins; `quiet` shows nothing.
    pub(crate) fn begin(name: &str, seeds: Option<u64>, quiet: bool) -> Self {
        let bar = match (quiet, seeds) {
            (true, _) => ProgressBar::hidden(),
            (false, Some(seeds)) => ProgressBar::new(seeds),
            (false, None) => ProgressBar::no_length(),
        };
        if !quiet {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        let template = match seeds {
            Some(_) => "{prefix:24} [{bar:24}] {pos}/{len}  {per_sec}  {msg}",
            None => "{prefix:24} {spinner} {pos}  {per_sec}  {elapsed}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        Self {
            bar,
            simulated: Duration::ZERO,
            failed: 0,
        }
    }

    /// One more seed is done.
    pub(crate) fn done(&mut self, coverage: Option<&Coverage>, failed: bool) {
        self.simulated += coverage.map_or(Duration::ZERO, |coverage| coverage.simulated);
        self.failed += u64::from(failed);
        self.bar.inc(1);
        if self.bar.position().is_multiple_of(8) || failed {
            let simulated = duration_text(self.simulated);
            self.bar
                .set_message(format!("{simulated} simulated  {} failed", self.failed));
        }
    }

    /// Leaves nothing on the screen.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}
