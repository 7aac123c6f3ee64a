//! Keys, overlays, and what belongs to no screen.

use steadfast_tui::app::{Cmd, Msg, Screen};
use steadfast_tui::theme::Palette;

use crate::desk::{Desk, histories};

#[test]
fn help_the_palette_and_prefixes() {
    let mut desk = Desk::history("trial-converted.json", (80, 24));
    desk.press("?");
    insta::assert_snapshot!("help", desk.screen());
    desk.press("esc").press(":").type_in("idle");
    insta::assert_snapshot!("palette", desk.screen());
    desk.press("esc").press("f");
    insta::assert_snapshot!("prefix", desk.screen());
    desk.press("esc");
    assert!(desk.model.prefix.is_empty());
    desk.press("y").press("x");
    assert!(desk.screen().contains("y x means nothing here"));
}

#[test]
fn the_palette_does_what_was_chosen() {
    let mut desk = Desk::history("trial-converted.json", (80, 24));
    desk.press(":").type_in("timeline").press("enter");
    assert!(desk.screen().contains("2 Timeline"), "{}", desk.screen());
    desk.press(":").type_in("zzzz").press("enter").press("esc");
    desk.press("?").press("j").press("enter");
    assert!(desk.model.overlay.is_none());
}

#[test]
fn what_is_not_possible_says_why() {
    let mut desk = Desk::history("trial-converted.json", (80, 24));
    desk.press("8");
    desk.press("n");
    assert!(
        desk.screen().contains("nothing was searched for"),
        "{}",
        desk.screen()
    );
    desk.press("L");
    assert!(desk.screen().contains("nothing was left"));
}

#[test]
fn one_ctrl_c_warns_and_a_second_one_ends() {
    let mut desk = Desk::open(vec![histories()], (80, 24));
    desk.press("/").press("ctrl-c");
    assert!(desk.model.overlay.is_none());
    assert!(!desk.outside.iter().any(|cmd| matches!(cmd, Cmd::Quit)));
    desk.now += 5_000_000_000;
    desk.press("ctrl-c");
    assert!(
        !desk.outside.iter().any(|cmd| matches!(cmd, Cmd::Quit)),
        "the first was long ago"
    );
    desk.press("ctrl-c");
    assert!(desk.outside.iter().any(|cmd| matches!(cmd, Cmd::Quit)));
}

#[test]
fn messages_go_and_are_kept() {
    let mut desk = Desk::open(vec![histories()], (80, 24));
    desk.press("ctrl-t");
    assert_eq!(desk.model.theme.palette, Palette::Contrast);
    assert!(desk.screen().contains("theme contrast"));
    desk.now += 10_000_000_000;
    desk.send(Msg::Tick);
    assert!(!desk.screen().contains("theme contrast"));
    desk.press("g m");
    assert!(desk.screen().contains("theme contrast"));
}

#[test]
fn a_paste_goes_into_the_line() {
    let mut desk = Desk::open(vec![histories()], (80, 24));
    desk.press("/");
    desk.send(Msg::Paste("batch\n-mixed\x1b".to_owned()));
    desk.press("enter");
    let Some(Screen::Files(files)) = desk.model.top() else {
        panic!("it is a list")
    };
    assert_eq!(files.shown.len(), 3);
    desk.send(Msg::Paste("x".to_owned()));
    assert!(desk.screen().contains("nothing to paste into"));
}

#[test]
fn a_small_terminal_says_what_it_needs() {
    let mut desk = Desk::open(vec![histories()], (80, 24));
    desk.send(Msg::Resize(40, 10));
    assert_eq!(desk.screen().lines().next(), Some("need 60x16, have 40x10"));
    desk.press("j");
    desk.send(Msg::Resize(80, 24));
    let Some(Screen::Files(files)) = desk.model.top() else {
        panic!("it is a list")
    };
    assert_eq!(files.selected, 1);
}
