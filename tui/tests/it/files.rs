//! The list of histories.

use steadfast_tui::app::{Cmd, Screen};

use crate::desk::{Desk, histories};

fn list(size: (u16, u16)) -> Desk {
    Desk::open(vec![histories()], size)
}

#[test]
fn a_folder_is_a_list() {
    for size in [(60, 16), (80, 24), (120, 40)] {
        let mut desk = list(size);
        insta::assert_snapshot!(format!("list_{}x{}", size.0, size.1), desk.screen());
    }
}

#[test]
fn the_list_in_colour() {
    insta::assert_snapshot!(list((80, 24)).styled());
}

#[test]
fn typing_filters_and_esc_shows_all() {
    let mut desk = list((120, 24));
    desk.press("/").type_in("order-cancelled").press("enter");
    let screen = desk.screen();
    assert!(screen.contains("with order-cancelled"), "{screen}");
    assert!(!screen.contains("activity-retried"), "{screen}");
    desk.press("esc").press("g g");
    assert!(desk.screen().contains("activity-abandoned"));
    desk.press("/").type_in("!Completed").press("enter");
    let Some(Screen::Files(files)) = desk.model.top() else {
        panic!("it is a list")
    };
    assert!(files.shown.len() < files.entries.len());
    desk.press("/").type_in("re:(").press("enter");
    assert!(
        desk.screen().contains("unclosed group"),
        "{}",
        desk.screen()
    );
}

#[test]
fn problems_are_found_and_the_order_changes() {
    let mut desk = list((120, 24));
    desk.press("e");
    let first = desk.screen();
    desk.press("e");
    assert_ne!(first, desk.screen());
    desk.press("S").press("S");
    let screen = desk.screen();
    assert!(screen.contains("by problems"), "{screen}");
}

#[test]
fn a_history_opens_and_is_left_and_opened_again() {
    let mut desk = list((120, 30));
    desk.press("/")
        .type_in("batch-mixed")
        .press("enter")
        .press("enter");
    assert!(desk.screen().contains("Compact"), "{}", desk.screen());
    desk.press("q");
    assert!(matches!(desk.model.top(), Some(Screen::Files(_))));
    desk.press("L");
    assert!(matches!(desk.model.top(), Some(Screen::Run(_))));
    desk.press("H").press("esc").press("q");
    assert!(desk.outside.iter().any(|cmd| matches!(cmd, Cmd::Quit)));
}

#[test]
fn children_open_from_the_list() {
    let mut desk = list((120, 30));
    desk.press("/")
        .type_in("batch-mixed")
        .press("enter")
        .press("enter")
        .press("6");
    insta::assert_snapshot!(desk.screen());
    desk.press("enter");
    let screen = desk.screen();
    assert!(screen.contains("parent batch-mixed"), "{screen}");
    let mut alone = Desk::history("batch-mixed.json", (120, 30));
    alone.press("6").press("enter");
    assert!(
        alone
            .screen()
            .contains("no history of order-b1 is open here"),
        "{}",
        alone.screen()
    );
}
