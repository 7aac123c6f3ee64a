//! Simulated runs: time travel and campaigns.

use steadfast_tui::app::travel::Travel;
use steadfast_tui::app::{Cmd, Screen};

use crate::desk::Desk;

const BUG: Option<&str> = Some("charge-without-idempotency");

fn travel(desk: &Desk) -> &Travel {
    match desk.model.top() {
        Some(Screen::Travel(travel)) => travel,
        _ => panic!("no simulated run is seen"),
    }
}

/// A seed of the planted bug that fails.
fn failing() -> Desk {
    for seed in 0..50 {
        let desk = Desk::world(&format!("order_fulfillment:{seed}"), BUG, (120, 40));
        if travel(&desk)
            .world
            .as_ref()
            .is_some_and(|world| !world.findings().is_empty())
        {
            return desk;
        }
    }
    panic!("the planted bug was not found in 50 seeds");
}

#[test]
fn a_seed_in_lanes() {
    for size in [(60, 16), (80, 24), (120, 40)] {
        let mut desk = Desk::world("order_fulfillment:17", None, size);
        desk.press("g e").type_in("60").press("enter");
        insta::assert_snapshot!(format!("travel_{}x{}", size.0, size.1), desk.screen());
    }
}

#[test]
fn what_was_so_at_an_event() {
    let mut desk = Desk::world("order_fulfillment:17", None, (120, 40));
    desk.press("g e").type_in("300").press("enter");
    for (pane, name) in [
        ("2", "nodes"),
        ("3", "histories"),
        ("4", "ledger"),
        ("5", "checks"),
    ] {
        desk.press(pane);
        insta::assert_snapshot!(format!("travel_{name}"), desk.screen());
    }
}

#[test]
fn faults_causes_and_lanes_are_jumped_to() {
    let mut desk = Desk::world("order_fulfillment:17", None, (120, 40));
    assert_eq!(travel(&desk).cursor, 0, "nothing was found");
    desk.press("f");
    let first = travel(&desk).cursor;
    desk.press("f");
    let second = travel(&desk).cursor;
    assert!(second > first);
    desk.press("F");
    assert_eq!(travel(&desk).cursor, first);
    desk.press("G");
    let last = travel(&desk).cursor;
    desk.press("c");
    assert!(travel(&desk).cursor < last);
    desk.press("0").press("G").press("C");
    let shown = travel(&desk).shown.len();
    let world = travel(&desk).world.clone().expect("it was made");
    assert_eq!(shown, world.causes(last, usize::MAX).len() + 1);
    desk.press("0");
    assert_eq!(travel(&desk).shown.len(), world.events().len());
    desk.press("esc");
    assert!(
        travel(&desk).shown.len() < world.events().len(),
        "idle nodes are hidden again"
    );
    desk.press("g g").press("J");
    let place = travel(&desk).cursor;
    let event = &world.events()[place];
    assert!(
        event.node.is_some_and(|node| node.0 == 0) || event.peer.is_some_and(|node| node.0 == 0)
    );
    desk.press("d");
    assert!(travel(&desk).hidden.contains(&0));
    desk.press("m").press("G").press("'");
    assert_eq!(travel(&desk).cursor, place);
}

#[test]
fn a_history_opens_as_it_was() {
    let mut desk = Desk::world("order_fulfillment:17", None, (120, 40));
    desk.press("g e")
        .type_in("120")
        .press("enter")
        .press("3")
        .press("enter");
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("no run: {}", desk.screen())
    };
    let then = run.history.len();
    desk.press("q")
        .press("tab")
        .press("G")
        .press("3")
        .press("enter");
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("no run: {}", desk.screen())
    };
    assert!(run.history.len() > then, "{} events then", then);
    assert!(run.history.summary().is_over());
    desk.press("q").press(".");
    assert!(travel(&desk).workflow.is_some());
}

#[test]
fn a_finding_is_where_one_begins() {
    let mut desk = failing();
    let world = travel(&desk).world.clone().expect("it was made");
    assert_eq!(Some(&travel(&desk).cursor), world.findings().first());
    let screen = desk.screen();
    assert!(screen.contains("✗ failed"), "{screen}");
    desk.press("g g").press("e").press("5");
    let screen = desk.screen();
    assert!(screen.contains("✗ broken"), "{screen}");
    desk.press("y c");
    assert!(
        desk.outside
            .iter()
            .any(|cmd| matches!(cmd, Cmd::Copy(text) if text.contains("order_fulfillment:")))
    );
}

#[test]
fn what_was_so_is_what_was_folded_up_to_there() {
    let desk = Desk::world("order_fulfillment:17", None, (120, 40));
    let world = travel(&desk).world.clone().expect("it was made");
    let last = world.events().len() - 1;
    // Everything only grows, and ends as the report has it.
    let mut lengths = 0;
    let mut entries = 0;
    for place in 0..=last {
        let now: usize = world.histories(place).map(|(_, length)| length).sum();
        assert!(now >= lengths);
        lengths = now;
        assert!(world.ledger(place).len() >= entries);
        entries = world.ledger(place).len();
    }
    let report = world.report();
    let all: usize = report
        .histories
        .values()
        .map(|history| history.events.len())
        .sum();
    assert_eq!(lengths, all);
    assert!(all > 20 && entries > 0);
    let checked: u64 = world.checks(last).iter().map(|(_, count, _)| count).sum();
    assert!(checked > 0);
}

#[test]
fn a_campaign_tells_each_kind_once() {
    let mut desk = Desk::campaign("order_fulfillment", BUG, 40, (120, 40));
    let Some(Screen::Campaign(campaign)) = desk.model.top() else {
        panic!("no campaign")
    };
    assert_eq!(campaign.ran, 40);
    assert!(
        campaign.failed > 1,
        "the planted bug was not found in 40 seeds"
    );
    assert!(campaign.kinds.len() < usize::try_from(campaign.failed).expect("few"));
    let screen = desk.screen();
    assert!(screen.contains("40 seeds"), "{screen}");
    desk.press("g g").press("enter");
    assert!(
        travel(&desk)
            .world
            .as_ref()
            .is_some_and(|world| !world.findings().is_empty())
    );
}

#[test]
fn what_cannot_be_made_says_why() {
    let mut desk = Desk::world("nonsense:1", None, (80, 24));
    assert!(
        desk.screen().contains("there is no scenario nonsense"),
        "{}",
        desk.screen()
    );
    desk.press("j").press("f").press("3").press("enter");
    assert!(desk.screen().contains("not there yet"), "{}", desk.screen());
}
