//! Every screen on terminals of every size, and keys that nobody would press.

use proptest::prelude::*;
use steadfast_tui::app::{Msg, Screen};
use steadfast_tui::keymap::{Action, TABLE};
use steadfast_tui::keys::Stroke;

use crate::desk::{Desk, histories};
use crate::hostile::is_harmless;

/// Sizes between 1x1 and 200x60, the edges of all layouts among them.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    let widths = [
        1, 2, 19, 20, 59, 60, 61, 79, 80, 99, 100, 101, 139, 140, 200,
    ];
    let heights = [1, 2, 5, 15, 16, 17, 20, 21, 22, 24, 40, 60];
    widths
        .into_iter()
        .flat_map(move |width| heights.into_iter().map(move |height| (width, height)))
}

#[test]
fn every_screen_on_every_terminal() {
    let mut desk = Desk::open(vec![histories()], (80, 24));
    desk.press("/").type_in("trial-converted").press("enter");
    for keys in [
        "", "enter", "+", "2", "+", "3", "tab", "4", "enter", "5", "6", "7", "9", "d", "?", "esc",
        ":", "esc", "q", "f", "esc", "/",
    ] {
        if !keys.is_empty() {
            desk.press(keys);
        }
        for (width, height) in sizes() {
            desk.send(Msg::Resize(width, height));
            is_harmless(&desk.buffer());
        }
        desk.send(Msg::Resize(80, 24));
    }
}

#[test]
fn every_simulated_screen_on_every_terminal() {
    let mut world = Desk::world("order_fulfillment:17", None, (80, 24));
    let mut campaign = Desk::campaign(
        "order_fulfillment",
        Some("charge-without-idempotency"),
        20,
        (80, 24),
    );
    for keys in [
        "", "f", "1", "tab", "2", "3", "4", "5", "C", "d", "G", "m", "?", "esc", "/",
    ] {
        if !keys.is_empty() {
            world.press(keys);
        }
        for (width, height) in sizes() {
            for desk in [&mut world, &mut campaign] {
                desk.send(Msg::Resize(width, height));
                is_harmless(&desk.buffer());
            }
        }
        world.send(Msg::Resize(80, 24));
    }
}

/// All keys that mean something, and a few that do not.
fn keys() -> Vec<Stroke> {
    let all = TABLE.iter().filter(|binding| {
        !matches!(
            binding.action,
            Action::Replay | Action::Quit | Action::Suspend
        )
    });
    let strokes = all
        .flat_map(|binding| Stroke::sequence(binding.keys.split(',').next().unwrap_or_default()));
    let mut strokes: Vec<Stroke> = strokes.flatten().collect();
    strokes.extend(
        ["x", "8", "f1", "backspace", "delete"]
            .iter()
            .filter_map(|key| Stroke::parse(key)),
    );
    let mut once: Vec<Stroke> = Vec::new();
    for stroke in strokes {
        if !once.contains(&stroke) {
            once.push(stroke);
        }
    }
    once
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_keys_lead_out_of_bounds(
        presses in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..20), 1..80), name in 0_usize..3,
    ) {
        let name = ["trial-converted.json", "batch-mixed.json", "activity-exhausts-attempts.json"][name];
        let mut desk = Desk::history(name, (100, 24));
        let keys = keys();
        for (index, size) in presses {
            desk.send(Msg::Key(*index.get(&keys)));
            if size == 0 {
                desk.send(Msg::Resize(61, 17));
            } else if size == 1 {
                desk.send(Msg::Resize(140, 50));
            }
            is_harmless(&desk.buffer());
            if let Some(Screen::Run(run)) = desk.model.top() {
                prop_assert!(run.focus < run.history.len().max(1));
                prop_assert!(run.compact.selected < run.compact.rows.len().max(1));
                prop_assert!(run.forest.selected < run.forest.len().max(1));
            }
        }
        for _ in 0..12 {
            desk.press("esc");
        }
        prop_assert_eq!(desk.model.screens.len(), 1);
        prop_assert!(desk.model.overlay.is_none() && desk.model.prefix.is_empty());
    }
}
