//! The screens of a run.

use steadfast_tui::app::{Cmd, Screen};

use crate::desk::{Desk, histories};

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 40)];

fn shown(name: &str, keys: &str) {
    for size in SIZES {
        let mut desk = Desk::history("trial-converted.json", size);
        if !keys.is_empty() {
            desk.press(keys);
        }
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), desk.screen());
    }
}

#[test]
fn compact() {
    shown("compact", "");
    shown("compact_unfolded", "j j enter");
}

#[test]
fn timeline() {
    shown("timeline", "2");
    shown("timeline_zoomed", "2 + l");
}

#[test]
fn all_events() {
    shown("events", "3 j j j j j j");
    shown("event", "3 j j j j j j tab");
}

#[test]
fn json() {
    shown("json", "4 enter");
}

#[test]
fn tables() {
    shown("about", "9");
    shown("warnings", "7");
    shown("pending", "5");
    shown("relations", "6");
}

#[test]
fn a_run_in_colour_and_in_ascii() {
    let mut desk = Desk::history("activity-retried.json", (100, 24));
    insta::assert_snapshot!("compact_in_colour", desk.styled());
    desk.model.theme.ascii = true;
    let screen = desk.screen();
    assert!(screen.is_ascii(), "{screen}");
    for tab in ["2", "3", "4", "5", "6", "7", "9", "d", "?"] {
        desk.press(tab);
        let screen = desk.screen();
        assert!(screen.is_ascii(), "{tab}: {screen}");
    }
}

#[test]
fn search_finds_what_is_in_payloads() {
    let mut desk = Desk::history("order-cancelled-after-charge.json", (120, 30));
    desk.press("/").type_in("idempotencykey").press("enter");
    let without = desk.screen();
    assert!(
        without.contains("idempotencykey was not found"),
        "{without}"
    );
    desk.press("esc")
        .press("/")
        .type_in("too expensive")
        .press("enter");
    let screen = desk.screen();
    assert!(screen.contains("/too expensive"), "{screen}");
    let first = focus(&desk);
    desk.press("n");
    let second = focus(&desk);
    assert!(second > first, "{screen}");
    desk.press("N");
    assert_eq!(focus(&desk), first);
    desk.press("esc");
    assert!(!desk.screen().contains("/too expensive"));
}

fn focus(desk: &Desk) -> usize {
    match desk.model.top() {
        Some(Screen::Run(run)) => run.focus,
        _ => panic!("no run is seen"),
    }
}

#[test]
fn problems_are_jumped_to_even_if_hidden() {
    let mut desk = Desk::history("activity-exhausts-attempts.json", (120, 30));
    desk.press("f a");
    assert!(!desk.screen().contains("Activity flaky"));
    desk.press("e");
    let screen = desk.screen();
    assert!(screen.contains("activity is shown again"), "{screen}");
    assert!(screen.contains("ActivityTask"), "{screen}");
}

#[test]
fn facets_hide_noise() {
    let mut desk = Desk::history("trial-converted.json", (120, 40));
    let before = desk.screen();
    assert!(
        !before.contains("Task "),
        "workflow tasks are hidden at first\n{before}"
    );
    desk.press("f w");
    assert!(desk.screen().contains("· Task"));
    desk.press("f 0")
        .press("g g")
        .press("j")
        .press("j")
        .press("f h");
    assert!(
        desk.screen().contains("is hidden; f 0 shows everything"),
        "{}",
        desk.screen()
    );
    desk.press("f e");
    desk.press("esc");
    assert_eq!(desk.screen().lines().nth(4), before.lines().nth(4));
}

#[test]
fn an_event_is_the_focus_of_every_tab() {
    let mut desk = Desk::history("trial-converted.json", (120, 40));
    desk.press("g e").type_in("11").press("enter");
    let place = focus(&desk);
    for tab in ["3", "4", "2", "1", "3"] {
        desk.press(tab);
    }
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("no run is seen")
    };
    assert_eq!(run.history.group_of(run.focus), run.history.group_of(place));
    desk.press("g e").type_in("4000").press("enter");
    assert!(desk.screen().contains("there is no event 4000"));
    desk.press("g e").type_in("x").press("enter");
    assert!(desk.screen().contains("an event id is a number"));
}

#[test]
fn an_event_can_be_opened_from_the_shell() {
    let desk = &mut Desk::open_at(
        vec![histories().join("trial-converted.json")],
        (120, 30),
        Some(11),
    );
    assert!(desk.screen().contains("#11"), "{}", desk.screen());
    let desk = &mut Desk::open_at(
        vec![histories().join("trial-converted.json")],
        (120, 30),
        Some(9999),
    );
    assert!(desk.screen().contains("there is no event 9999"));
}

#[test]
fn values_and_commands_are_copied() {
    let mut desk = Desk::history("activity-retried.json", (120, 30));
    for keys in ["y i", "y r", "y v", "y e", "y c", "y s"] {
        desk.press(keys);
    }
    let copied: Vec<String> = desk
        .outside
        .iter()
        .filter_map(|cmd| match cmd {
            Cmd::Copy(text) => Some(text.replace(env!("CARGO_MANIFEST_DIR"), "…")),
            Cmd::CopyScreen => Some("the screen".to_owned()),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(copied.join("\n---\n"));
}

#[test]
fn a_saved_history_is_the_one_that_was_read() {
    let mut desk = Desk::history("activity-retried.json", (120, 30));
    desk.press("D");
    let saved = desk.outside.iter().find_map(|cmd| match cmd {
        Cmd::Save(path, text) => Some((path.clone(), text.clone())),
        _ => None,
    });
    let (path, text) = saved.expect("it is saved");
    assert_eq!(path.to_string_lossy(), "activity-retried.history.json");
    let read = |text: &str| steadfast_proto::json::history_from_json(text).expect("a history");
    let original =
        std::fs::read_to_string(histories().join("activity-retried.json")).expect("it is there");
    assert_eq!(read(&text), read(&original));
}

#[test]
fn a_panic_of_the_code_is_what_came_of_it() {
    let mut desk = Desk::history("invoice-first-task-fails.json", (120, 30));
    desk.press("d").press("tab");
    insta::assert_snapshot!(desk.screen());
}

#[test]
fn a_replay_shows_where_history_and_code_part() {
    let mut desk = Desk::history("notice-patched.json", (120, 30));
    desk.press("d");
    insta::assert_snapshot!("replay", desk.screen());
    desk.press("tab");
    for size in SIZES {
        desk.send(steadfast_tui::app::Msg::Resize(size.0, size.1));
        insta::assert_snapshot!(
            format!("replay_differs_{}x{}", size.0, size.1),
            desk.screen()
        );
    }
    desk.press("y e");
    assert!(
        desk.outside
            .iter()
            .any(|cmd| matches!(cmd, Cmd::Copy(text) if text.contains("missing_patch")))
    );
    desk.press("enter");
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("no run is seen")
    };
    assert_eq!(run.history.get(run.focus).map(|event| event.id), Some(5));
}
