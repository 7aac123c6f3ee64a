//! A campaign: one seed after another, and what went wrong in them, told once for each kind.

use std::collections::{BTreeMap, VecDeque};

use super::travel::Travel;
use super::{Cmd, Effects, Go, Now, Screen, rows};
use crate::keymap::Action;
use crate::source::worlds::Ran;
use crate::source::{Data, Request, RequestId};
use crate::theme::Role;

/// So many seeds are remembered one by one.
const REMEMBERED: usize = 10_000;

/// Seeds that failed in the same way.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Who says so, and what, without what differs from seed to seed.
    pub signature: String,
    /// How many seeds.
    pub seeds: u64,
    /// The seed with the fewest events: its number and how many.
    pub smallest: (u64, u64),
    /// When it was first seen, counted in seeds.
    pub first: u64,
    /// What the smallest says.
    pub message: String,
}

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The scenario.
    pub scenario: String,
    /// How many seeds ran.
    pub ran: u64,
    /// How many failed.
    pub failed: u64,
    /// Simulated time in all, in nanoseconds.
    pub simulated: i64,
    /// Faults in all.
    pub faults: u64,
    /// What went wrong, most frequent first.
    pub kinds: Vec<Kind>,
    /// The latest seeds, the last one first.
    pub latest: VecDeque<Ran>,
    /// The selected row: first the kinds, then the seeds.
    pub selected: usize,
    /// The next seed.
    pub next: u64,
    /// The request that is under way; none while it is paused.
    pub request: Option<RequestId>,
    /// What was wrong.
    pub trouble: Option<String>,
    /// When the latest seeds were told, for how many run in a second.
    pub pace: VecDeque<Now>,
}

impl Campaign {
    /// A campaign from this seed on.
    pub fn new(scenario: impl Into<String>, first: u64) -> Self {
        Self {
            scenario: scenario.into(),
            ran: 0,
            failed: 0,
            simulated: 0,
            faults: 0,
            kinds: Vec::new(),
            latest: VecDeque::new(),
            selected: 0,
            next: first,
            request: None,
            trouble: None,
            pace: VecDeque::new(),
        }
    }

    pub(super) fn begin(&mut self, effects: &mut Effects<'_>) {
        self.request = Some(effects.ask(Request::Campaign(self.scenario.clone(), self.next)));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.kinds.len() + self.latest.len()
    }

    /// Whether nothing has run yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The selected seed.
    pub fn seed(&self) -> Option<u64> {
        match self.kinds.get(self.selected) {
            Some(kind) => Some(kind.smallest.0),
            None => self
                .latest
                .get(self.selected - self.kinds.len())
                .map(|ran| ran.seed),
        }
    }

    /// Seeds in a second, by the latest of them; nothing while too few have run.
    pub fn rate(&self) -> Option<u64> {
        let span = self.pace.back()?.saturating_sub(*self.pace.front()?);
        let count = i64::try_from(self.pace.len()).ok()?.checked_sub(1)?;
        let rate = count.saturating_mul(1_000_000_000).checked_div(span)?;
        u64::try_from(rate).ok().filter(|_| count > 0)
    }

    pub(super) fn refuses(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Open | Action::CopyCommand if self.is_empty() => Some("no seed has run yet"),
            Action::NextProblem | Action::PreviousProblem if self.failed == 0 => {
                Some("every seed passed")
            }
            Action::Search | Action::NextHit | Action::PreviousHit => {
                Some("there is little to search in")
            }
            _ => None,
        }
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        let len = self.len();
        if rows::moved(&mut self.selected, len, effects.page, action) {
            return;
        }
        match action {
            Action::Open => {
                if let Some(seed) = self.seed() {
                    let travel = Travel::new(format!("{}:{seed}", self.scenario));
                    effects.go = Some(Go::Open(Screen::Travel(Box::new(travel))));
                }
            }
            Action::Pause => match self.request.take() {
                Some(request) => {
                    effects.cmds.push(Cmd::Cancel(request));
                    effects.tell(Role::Ok, "paused; P goes on");
                }
                None => {
                    self.pace.clear();
                    self.begin(effects);
                }
            },
            Action::NextProblem | Action::PreviousProblem => {
                let first = self.kinds.len();
                let failed = self
                    .latest
                    .iter()
                    .enumerate()
                    .filter(|(_, ran)| !ran.failures.is_empty());
                let rows: Vec<usize> = (0..first)
                    .chain(failed.map(|(row, _)| first + row))
                    .collect();
                let next = rows::next(&rows, self.selected, action == Action::NextProblem);
                self.selected = next.unwrap_or(self.selected);
            }
            Action::CopyCommand => {
                let seed = self.seed().unwrap_or_default();
                effects.copy(&format!("steadfast console {}:{seed}", self.scenario));
            }
            _ => {}
        }
    }

    pub(super) fn data(&mut self, id: RequestId, data: Data, now: Now, effects: &mut Effects<'_>) {
        if self.request != Some(id) {
            return;
        }
        match data {
            Data::Ran(ran) => self.take(*ran, now),
            Data::Done(trouble) => {
                self.request = None;
                if let Some(why) = &trouble {
                    effects.tell(Role::Fail, why.clone());
                }
                self.trouble = trouble;
            }
            _ => {}
        }
    }

    fn take(&mut self, ran: Ran, now: Now) {
        self.ran += 1;
        self.next = ran.seed.saturating_add(1);
        self.simulated = self.simulated.saturating_add(ran.simulated);
        self.faults += ran.faults;
        self.pace.push_back(now);
        if self.pace.len() > 64 {
            self.pace.pop_front();
        }
        let chosen = self.selected.checked_sub(self.kinds.len());
        let kinds_before = self.kinds.len();
        if !ran.failures.is_empty() {
            self.failed += 1;
            self.tell_kinds(&ran);
        }
        self.latest.push_front(ran);
        self.latest.truncate(REMEMBERED);
        // What is selected stays selected, unless it is the latest seed: then the next latest is.
        match chosen {
            Some(row) if row > 0 => {
                self.selected = self.kinds.len() + (row + 1).min(self.latest.len() - 1)
            }
            Some(_) => self.selected = self.kinds.len(),
            None if kinds_before == 0 => self.selected = 0,
            None => {}
        }
    }

    fn tell_kinds(&mut self, ran: &Ran) {
        let mut told: BTreeMap<String, &str> = BTreeMap::new();
        for (checker, message) in &ran.failures {
            told.entry(format!("{checker}: {}", normalised(message)))
                .or_insert(message);
        }
        for (signature, message) in told {
            let found = self
                .kinds
                .iter_mut()
                .find(|kind| kind.signature == signature);
            match found {
                Some(kind) => {
                    kind.seeds += 1;
                    if ran.events < kind.smallest.1 {
                        kind.smallest = (ran.seed, ran.events);
                        message.clone_into(&mut kind.message);
                    }
                }
                None => self.kinds.push(Kind {
                    signature,
                    seeds: 1,
                    smallest: (ran.seed, ran.events),
                    first: self.ran,
                    message: message.to_owned(),
                }),
            }
        }
        self.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.seeds));
    }
}

/// A message without what differs from seed to seed: numbers, and ids in brackets.
pub fn normalised(message: &str) -> String {
    let mut out = String::new();
    let mut in_number = false;
    let mut in_brackets = 0_u32;
    for c in message.chars() {
        match c {
            '(' => in_brackets += 1,
            ')' => in_brackets = in_brackets.saturating_sub(1),
            _ if in_brackets > 0 => {}
            '0'..='9' => {
                if !in_number {
                    out.push('#');
                }
            }
            c => out.push(c),
        }
        in_number = c.is_ascii_digit();
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_message_without_what_differs() {
        assert_eq!(
            normalised("order-17 (9f2ca1) was charged 2 times"),
            "order-# was charged # times"
        );
        assert_eq!(normalised("no digits"), "no digits");
    }

    #[test]
    fn failures_are_folded_into_kinds_and_the_smallest_is_kept() {
        let mut campaign = Campaign::new("orders", 0);
        for seed in 0..30 {
            let failures = if seed % 3 == 0 {
                vec![("saga".to_owned(), format!("order-{seed} was lost"))]
            } else {
                Vec::new()
            };
            campaign.take(
                Ran {
                    seed,
                    events: 100 - seed,
                    faults: 2,
                    simulated: 1,
                    failures,
                },
                0,
            );
        }
        assert_eq!(
            (campaign.ran, campaign.failed, campaign.faults),
            (30, 10, 60)
        );
        let [kind] = campaign.kinds.as_slice() else {
            panic!("one kind")
        };
        assert_eq!((kind.seeds, kind.smallest), (10, (27, 73)));
        assert_eq!(campaign.next, 30);
    }
}
