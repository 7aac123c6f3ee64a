//! What becomes of the starts that wait, given their overlap policies.
//!
//! | policy | nothing runs | something runs |
//! |---|---|---|
//! | `AllowAll` | starts | starts |
//! | any other, the first | starts | as below |
//! | `Skip` | dropped | dropped |
//! | `BufferOne` | waits if none waits, else dropped | = |
//! | `BufferAll` | waits | waits |
//! | `CancelOther` | takes the place of the one that would start | waits; what runs is asked to cancel |
//! | `TerminateOther` | takes the place of the one that would start | waits; what runs is terminated |
// temporal: service/worker/scheduler/buffer.go ProcessBuffer.

use std::collections::VecDeque;

use super::state::{Asked, Overlap, Start};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Starts that do not care what else runs.
    pub(crate) overlapping: Vec<Start>,
    /// The one start that does.
    pub(crate) single: Option<Start>,
    /// What still waits.
    pub(crate) waiting: VecDeque<Start>,
    /// What becomes of what runs.
    pub(crate) ask: Option<Asked>,
    /// How many were dropped.
    pub(crate) skipped: u64,
}

/// Decides about a buffer. At most `limit` overlapping starts go at once; more of them wait.
pub(crate) fn decide(
    buffer: VecDeque<Start>,
    runs: bool,
    policy: Overlap,
    limit: usize,
) -> Verdict {
    let mut verdict = Verdict::default();
    // Overlapping starts that wait only for the next time.
    let mut later = VecDeque::new();
    for start in buffer {
        match start.overlap.unwrap_or(policy) {
            Overlap::AllowAll if verdict.overlapping.len() < limit => {
                verdict.overlapping.push(start);
            }
            Overlap::AllowAll => later.push_back(start),
            _ if !runs && verdict.single.is_none() => verdict.single = Some(start),
            Overlap::BufferOne if verdict.waiting.is_empty() => verdict.waiting.push_back(start),
            Overlap::Skip | Overlap::BufferOne => verdict.skipped += 1,
            Overlap::BufferAll => verdict.waiting.push_back(start),
            Overlap::CancelOther | Overlap::TerminateOther if !runs => {
                verdict.single = Some(start);
            }
            Overlap::CancelOther => {
                verdict.ask = verdict.ask.max(Some(Asked::Cancel));
                verdict.waiting.push_back(start);
            }
            Overlap::TerminateOther => {
                verdict.ask = Some(Asked::Terminate);
                verdict.waiting.push_back(start);
            }
        }
    }
    if verdict.ask.is_some() {
        // They would be canceled at once.
        verdict.overlapping.clear();
    } else {
        later.append(&mut verdict.waiting);
        verdict.waiting = later;
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn start(second: i64, overlap: Option<Overlap>) -> Start {
        let time = Timestamp::from_secs(second);
        Start {
            nominal: time,
            actual: time,
            overlap,
            manual: false,
        }
    }

    /// One line for what becomes of starts at 1, 2, 3, …
    fn decided(policies: &[Option<Overlap>], runs: bool, policy: Overlap, limit: usize) -> String {
        let buffer = (1..).zip(policies).map(|(n, p)| start(n, *p)).collect();
        let verdict = decide(buffer, runs, policy, limit);
        let list = |starts: &mut dyn Iterator<Item = &Start>| -> String {
            starts
                .map(|s| (s.nominal.as_nanos() / 1_000_000_000).to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        format!(
            "all [{}] one [{}] wait [{}] skipped {} ask {:?}",
            list(&mut verdict.overlapping.iter()),
            list(&mut verdict.single.iter()),
            list(&mut verdict.waiting.iter()),
            verdict.skipped,
            verdict.ask,
        )
    }

    #[test]
    fn every_policy_with_three_starts() {
        let mut table = String::new();
        for policy in [
            Overlap::Skip,
            Overlap::BufferOne,
            Overlap::BufferAll,
            Overlap::CancelOther,
            Overlap::TerminateOther,
            Overlap::AllowAll,
        ] {
            for runs in [false, true] {
                let state = if runs { "runs" } else { "free" };
                let line = decided(&[None; 3], runs, policy, 10);
                table.push_str(&format!("{policy:?} {state}: {line}\n"));
            }
        }
        insta::assert_snapshot!(table, @r"
        Skip free: all [] one [1] wait [] skipped 2 ask None
        Skip runs: all [] one [] wait [] skipped 3 ask None
        BufferOne free: all [] one [1] wait [2] skipped 1 ask None
        BufferOne runs: all [] one [] wait [1] skipped 2 ask None
        BufferAll free: all [] one [1] wait [2,3] skipped 0 ask None
        BufferAll runs: all [] one [] wait [1,2,3] skipped 0 ask None
        CancelOther free: all [] one [3] wait [] skipped 0 ask None
        CancelOther runs: all [] one [] wait [1,2,3] skipped 0 ask Some(Cancel)
        TerminateOther free: all [] one [3] wait [] skipped 0 ask None
        TerminateOther runs: all [] one [] wait [1,2,3] skipped 0 ask Some(Terminate)
        AllowAll free: all [1,2,3] one [] wait [] skipped 0 ask None
        AllowAll runs: all [1,2,3] one [] wait [] skipped 0 ask None
        ");
    }

    #[test]
    fn policies_may_be_mixed() {
        use Overlap::{AllowAll, BufferAll, BufferOne, CancelOther, TerminateOther};
        let mixed = [Some(AllowAll), None, Some(BufferAll), Some(BufferOne)];
        let line = decided(&mixed, false, Overlap::Skip, 10);
        assert_eq!(line, "all [1] one [2] wait [3] skipped 1 ask None");
        let asked = [Some(AllowAll), Some(TerminateOther), Some(CancelOther)];
        let line = decided(&asked, true, Overlap::Skip, 10);
        assert_eq!(
            line,
            "all [] one [] wait [2,3] skipped 0 ask Some(Terminate)"
        );
    }

    #[test]
    fn only_so_many_start_at_once() {
        let many = [Some(Overlap::AllowAll); 5];
        let line = decided(&many, true, Overlap::BufferOne, 2);
        assert_eq!(line, "all [1,2] one [] wait [3,4,5] skipped 0 ask None");
        let mixed = [None, Some(Overlap::AllowAll), Some(Overlap::AllowAll)];
        let line = decided(&mixed, true, Overlap::BufferOne, 1);
        assert_eq!(line, "all [2] one [] wait [3,1] skipped 0 ask None");
    }
}
