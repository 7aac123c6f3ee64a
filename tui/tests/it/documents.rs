//! `docs/console.md`: its keys and its screens come from the program, so they cannot go stale.

use std::path::Path;

use steadfast_tui::keymap;

use crate::desk::{Desk, histories};

/// A screen of the document: its name, the history, the size, and the keys that lead there.
const SCREENS: [(&str, &str, (u16, u16), &str); 6] = [
    ("list", "", (100, 18), "j j"),
    ("compact", "activity-retried.json", (100, 18), "j enter"),
    ("timeline", "trial-converted.json", (100, 20), "2"),
    (
        "events",
        "order-cancelled-after-charge.json",
        (120, 24),
        "3 e",
    ),
    ("replay", "notice-patched.json", (110, 18), "d tab"),
    ("prefix", "trial-converted.json", (80, 18), "f"),
];

type World = (
    &'static str,
    &'static str,
    Option<&'static str>,
    (u16, u16),
    &'static str,
);

/// Screens of simulated runs: the name, what is run, a planted bug, the size, and the keys that lead there.
const WORLDS: [World; 2] = [
    (
        "travel",
        "order_fulfillment:17",
        None,
        (120, 26),
        "f f f f f f 2",
    ),
    (
        "travel found",
        "order_fulfillment:2",
        Some("charge-without-idempotency"),
        (120, 24),
        "e",
    ),
];

fn screen(history: &str, size: (u16, u16), keys: &str) -> String {
    let mut desk = Desk::open(vec![histories().join(history)], size);
    desk.press(keys);
    // What was told on the way is gone.
    desk.now += 60_000_000_000;
    desk.send(steadfast_tui::app::Msg::Tick);
    format!("```text\n{}```\n", desk.screen())
}

/// Puts a text between the marks of a name.
fn renewed(document: &str, name: &str, text: &str) -> String {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let (before, rest) = document
        .split_once(&begin)
        .unwrap_or_else(|| panic!("docs/console.md has no {name}"));
    let (_, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("docs/console.md does not end {name}"));
    format!("{before}{begin}{text}{end}{after}")
}

#[test]
fn keys_and_screens_of_the_document_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/console.md");
    let written = std::fs::read_to_string(&path).expect("docs/console.md");
    let mut renewed_text = renewed(&written, "keys", &format!("\n{}", keymap::document()));
    for (name, history, size, keys) in SCREENS {
        renewed_text = renewed(&renewed_text, name, &screen(history, size, keys));
    }
    for (name, what, sabotage, size, keys) in WORLDS {
        let mut desk = Desk::world(what, sabotage, size);
        desk.press(keys);
        desk.now += 60_000_000_000;
        desk.send(steadfast_tui::app::Msg::Tick);
        let text = format!("```text\n{}```\n", desk.screen());
        renewed_text = renewed(&renewed_text, name, &text);
    }
    let mut desk = Desk::campaign(
        "order_fulfillment",
        Some("charge-without-idempotency"),
        100,
        (100, 18),
    );
    desk.now += 60_000_000_000;
    desk.send(steadfast_tui::app::Msg::Tick);
    let text = format!("```text\n{}```\n", desk.screen());
    renewed_text = renewed(&renewed_text, "campaign", &text);
    if std::env::var_os("STEADFAST_REGENERATE").is_some() {
        std::fs::write(&path, &renewed_text).expect("written");
        return;
    }
    assert!(
        renewed_text == written,
        "docs/console.md is not what the program shows; renew it with \
         STEADFAST_REGENERATE=1 cargo test -p steadfast-tui --test it documents"
    );
}
