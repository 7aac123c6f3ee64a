//! The one table of keys: what each does, where, and what it is called. The hint line, the help, the palette and
//! `docs/console.md` are made from it.

use std::fmt::Write as _;

use crate::keys::{Stroke, written};

/// Something that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Quit,
    Leave,
    Undo,
    Help,
    Palette,
    Back,
    Forward,
    Messages,
    Redraw,
    Suspend,
    Theme,
    Down,
    Up,
    Left,
    Right,
    Top,
    Bottom,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    Open,
    Search,
    NextHit,
    PreviousHit,
    NextProblem,
    PreviousProblem,
    More,
    Less,
    Fit,
    NextPane,
    PreviousPane,
    /// A tab of this screen, from 1.
    Tab(u8),
    Order,
    GotoEvent,
    NextRelated,
    PreviousRelated,
    ToggleTasks,
    ToggleActivities,
    ToggleTimers,
    ToggleChildren,
    ToggleSignals,
    ToggleUpdates,
    ToggleMarkers,
    OnlyProblems,
    HideName,
    ShowAll,
    Gaps,
    Encoding,
    Replay,
    OpenRelated,
    Save,
    Refresh,
    CopyId,
    CopyRun,
    CopyValue,
    CopyEvent,
    CopyCommand,
    CopyLink,
    CopyScreen,
    NextOnLane,
    PreviousOnLane,
    NextFault,
    PreviousFault,
    Cause,
    Cone,
    HideLane,
    Mark,
    ToMark,
    Pause,
}

/// Where a key means what the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Wherever one is.
    Everywhere,
    /// In everything that has rows.
    Rows,
    /// In the list of histories.
    Files,
    /// In a run.
    Run,
    /// On the timeline of a run.
    Timeline,
    /// In the JSON of a run.
    Json,
    /// In what came of a replay.
    Replay,
    /// In a simulated run.
    Travel,
    /// In a campaign of simulated runs.
    Campaign,
}

impl Context {
    /// All of them, as help tells of them.
    pub const ALL: [Self; 9] = [
        Self::Everywhere,
        Self::Rows,
        Self::Files,
        Self::Run,
        Self::Timeline,
        Self::Json,
        Self::Replay,
        Self::Travel,
        Self::Campaign,
    ];

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Rows => "Rows",
            Self::Files => "List of histories",
            Self::Run => "Run",
            Self::Timeline => "Timeline",
            Self::Json => "JSON",
            Self::Replay => "Replay",
            Self::Travel => "Time travel",
            Self::Campaign => "Campaign",
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Where.
    pub context: Context,
    /// The sequences of keys, a comma between each two.
    pub keys: &'static str,
    /// What is done.
    pub action: Action,
    /// What it is called, in the palette and in help.
    pub name: &'static str,
    /// One word for the hint line; empty if it is not there.
    pub hint: &'static str,
}

const fn bind(
    context: Context,
    keys: &'static str,
    action: Action,
    name: &'static str,
    hint: &'static str,
) -> Binding {
    Binding {
        context,
        keys,
        action,
        name,
        hint,
    }
}

/// The table. Hints stand in the order of the lines, those of the narrowest context first.
pub const TABLE: &[Binding] = {
    use Action as A;
    use Context::{Campaign, Everywhere, Files, Json, Replay, Rows, Run, Timeline, Travel};
    &[
        bind(Files, "enter,right,l", A::Open, "open the history", "open"),
        bind(Files, "r", A::Refresh, "read the files again", ""),
        bind(Files, "S", A::Order, "sort by the next column", "sort"),
        bind(
            Files,
            "d",
            A::Replay,
            "replay against the registered workflows",
            "replay",
        ),
        bind(Files, "y i", A::CopyId, "copy the workflow id", ""),
        bind(
            Files,
            "y c",
            A::CopyCommand,
            "copy the command that opens this",
            "",
        ),
        bind(Run, "enter", A::Open, "unfold, or open", "unfold"),
        bind(Run, "right,l", A::Right, "unfold", ""),
        bind(Run, "left,h", A::Left, "fold", ""),
        bind(Run, "1", A::Tab(1), "compact: event groups", ""),
        bind(Run, "2", A::Tab(2), "timeline", ""),
        bind(Run, "3", A::Tab(3), "all events", ""),
        bind(Run, "4", A::Tab(4), "JSON", ""),
        bind(Run, "5", A::Tab(5), "pending work", ""),
        bind(Run, "6", A::Tab(6), "relations", ""),
        bind(Run, "7", A::Tab(7), "warnings", ""),
        bind(Run, "9", A::Tab(9), "about the run", ""),
        bind(Run, "tab", A::NextPane, "next pane", ""),
        bind(Run, "shift-tab", A::PreviousPane, "previous pane", ""),
        bind(Run, "+", A::More, "unfold all, or zoom in", ""),
        bind(Run, "-", A::Less, "fold all, or zoom out", ""),
        bind(
            Run,
            "f w",
            A::ToggleTasks,
            "show or hide workflow tasks",
            "",
        ),
        bind(
            Run,
            "f a",
            A::ToggleActivities,
            "show or hide activities",
            "",
        ),
        bind(Run, "f t", A::ToggleTimers, "show or hide timers", ""),
        bind(Run, "f c", A::ToggleChildren, "show or hide children", ""),
        bind(Run, "f s", A::ToggleSignals, "show or hide signals", ""),
        bind(Run, "f u", A::ToggleUpdates, "show or hide updates", ""),
        bind(Run, "f m", A::ToggleMarkers, "show or hide markers", ""),
        bind(Run, "f e", A::OnlyProblems, "only what went wrong", ""),
        bind(Run, "f h", A::HideName, "hide everything of this name", ""),
        bind(Run, "f 0", A::ShowAll, "show everything", ""),
        bind(Run, "S", A::Order, "newest or oldest first", ""),
        bind(Run, "g e", A::GotoEvent, "go to an event by its id", ""),
        bind(Run, ".", A::NextRelated, "next event of this group", ""),
        bind(
            Run,
            ",",
            A::PreviousRelated,
            "previous event of this group",
            "",
        ),
        bind(
            Run,
            "d",
            A::Replay,
            "replay against the registered workflows",
            "replay",
        ),
        bind(
            Run,
            "o",
            A::OpenRelated,
            "open the child, parent or next run",
            "",
        ),
        bind(Run, "D", A::Save, "save the history as JSON", ""),
        bind(Run, "y i", A::CopyId, "copy the workflow id", ""),
        bind(Run, "y r", A::CopyRun, "copy the run id", ""),
        bind(Run, "y v", A::CopyValue, "copy the value", ""),
        bind(Run, "y e", A::CopyEvent, "copy the event as JSON", ""),
        bind(
            Run,
            "y c",
            A::CopyCommand,
            "copy the command that opens this",
            "",
        ),
        bind(
            Run,
            "y l",
            A::CopyLink,
            "copy the address of this screen",
            "",
        ),
        bind(Timeline, "0", A::Fit, "fit all of it", "fit"),
        bind(Timeline, "i", A::Gaps, "fold or unfold idle time", "idle"),
        bind(
            Json,
            "b",
            A::Encoding,
            "payloads decoded or as they are",
            "encoding",
        ),
        bind(
            Replay,
            "enter",
            A::Open,
            "go to the event in the history",
            "event",
        ),
        bind(Replay, "tab", A::NextPane, "next build", "build"),
        bind(Replay, "shift-tab", A::PreviousPane, "previous build", ""),
        bind(
            Replay,
            "y e",
            A::CopyEvent,
            "copy the difference as JSON",
            "",
        ),
        bind(Travel, "J", A::NextOnLane, "next event of this lane", ""),
        bind(
            Travel,
            "K",
            A::PreviousOnLane,
            "previous event of this lane",
            "",
        ),
        bind(Travel, "h,left", A::Left, "lane to the left", ""),
        bind(Travel, "l,right", A::Right, "lane to the right", ""),
        bind(Travel, "f", A::NextFault, "next fault", "fault"),
        bind(Travel, "F", A::PreviousFault, "previous fault", ""),
        bind(
            Travel,
            "c",
            A::Cause,
            "to the event that caused this one",
            "cause",
        ),
        bind(Travel, "C", A::Cone, "only what led here", "cone"),
        bind(
            Travel,
            ".",
            A::NextRelated,
            "next event of the workflow that is followed",
            "",
        ),
        bind(
            Travel,
            ",",
            A::PreviousRelated,
            "previous event of that workflow",
            "",
        ),
        bind(Travel, "d", A::HideLane, "hide this lane", ""),
        bind(Travel, "0", A::ShowAll, "show all lanes and events", ""),
        bind(Travel, "m", A::Mark, "mark this event", ""),
        bind(
            Travel,
            "'",
            A::ToMark,
            "to the mark, and mark where one was",
            "",
        ),
        bind(
            Travel,
            "g e",
            A::GotoEvent,
            "go to an event by its number",
            "",
        ),
        bind(Travel, "1", A::Tab(1), "the event, and what led to it", ""),
        bind(Travel, "2", A::Tab(2), "nodes and their clocks", ""),
        bind(Travel, "3", A::Tab(3), "histories as they were", ""),
        bind(Travel, "4", A::Tab(4), "what services had done", ""),
        bind(Travel, "5", A::Tab(5), "what was checked", ""),
        bind(
            Travel,
            "tab",
            A::NextPane,
            "between lanes and what is beside them",
            "pane",
        ),
        bind(Travel, "enter", A::Open, "open what is selected", "open"),
        bind(Travel, "y e", A::CopyEvent, "copy the event", ""),
        bind(
            Travel,
            "y c",
            A::CopyCommand,
            "copy the command that opens this run",
            "",
        ),
        bind(
            Campaign,
            "enter",
            A::Open,
            "travel through the run of this seed",
            "travel",
        ),
        bind(Campaign, "P", A::Pause, "pause, or go on", "pause"),
        bind(
            Campaign,
            "y c",
            A::CopyCommand,
            "copy the command that opens the run",
            "",
        ),
        bind(Rows, "j,down", A::Down, "down", ""),
        bind(Rows, "k,up", A::Up, "up", ""),
        bind(Rows, "g g,home", A::Top, "to the beginning", ""),
        bind(Rows, "G,end", A::Bottom, "to the end", ""),
        bind(Rows, "ctrl-d", A::HalfDown, "half a page down", ""),
        bind(Rows, "ctrl-u", A::HalfUp, "half a page up", ""),
        bind(Rows, "pgdn", A::PageDown, "a page down", ""),
        bind(Rows, "pgup", A::PageUp, "a page up", ""),
        bind(Rows, "/", A::Search, "search, also in payloads", "search"),
        bind(Rows, "n", A::NextHit, "next hit", ""),
        bind(Rows, "N", A::PreviousHit, "previous hit", ""),
        bind(Rows, "e", A::NextProblem, "next problem", "problem"),
        bind(Rows, "E", A::PreviousProblem, "previous problem", ""),
        bind(
            Everywhere,
            ":",
            A::Palette,
            "everything that can be done",
            "commands",
        ),
        bind(Everywhere, "?", A::Help, "the keys of this screen", "help"),
        bind(
            Everywhere,
            "esc",
            A::Undo,
            "undo one thing: a prefix, a search, a facet",
            "",
        ),
        bind(Everywhere, "q", A::Leave, "leave this screen", "leave"),
        bind(Everywhere, "H", A::Back, "back to where one was", ""),
        bind(Everywhere, "L", A::Forward, "forward again", ""),
        bind(
            Everywhere,
            "g m",
            A::Messages,
            "what the console has said",
            "",
        ),
        bind(
            Everywhere,
            "y s",
            A::CopyScreen,
            "copy the screen as text",
            "",
        ),
        bind(Everywhere, "ctrl-t", A::Theme, "the next theme", ""),
        bind(Everywhere, "ctrl-l", A::Redraw, "draw everything again", ""),
        bind(Everywhere, "ctrl-z", A::Suspend, "go to the background", ""),
        bind(Everywhere, "ctrl-c", A::Quit, "cancel; twice: quit", ""),
    ]
};

/// What a sequence of strokes means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Something to do.
    Action(Action),
    /// The beginning of something.
    Prefix,
    /// Nothing.
    Nothing,
}

/// Keys and what they do.
#[derive(Clone, Debug)]
pub struct Keymap {
    bound: Vec<(Context, Vec<Stroke>, Action)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let each = TABLE.iter().flat_map(|binding| {
            let sequences = sequences(binding.keys);
            sequences.map(|strokes| (binding.context, strokes, binding.action))
        });
        Self {
            bound: each.collect(),
        }
    }
}

fn sequences(keys: &'static str) -> impl Iterator<Item = Vec<Stroke>> {
    // A comma is a key too: where it stands alone.
    let parts: Vec<&str> = if keys == "," {
        vec![","]
    } else {
        keys.split(',').collect()
    };
    parts.into_iter().map(|keys| {
        Stroke::sequence(keys).expect("the table has only keys; a test reads all of it")
    })
}

impl Keymap {
    /// What strokes mean in these contexts, the narrowest first.
    pub fn find(&self, contexts: &[Context], strokes: &[Stroke]) -> Found {
        for context in contexts {
            let here = self.bound.iter().filter(|(bound, ..)| bound == context);
            if let Some((_, _, action)) = here.clone().find(|(_, keys, _)| keys == strokes) {
                return Found::Action(*action);
            }
        }
        let begins = |(context, keys, _): &&(Context, Vec<Stroke>, Action)| {
            contexts.contains(context) && keys.len() > strokes.len() && keys.starts_with(strokes)
        };
        if self.bound.iter().any(|bound| begins(&bound)) {
            Found::Prefix
        } else {
            Found::Nothing
        }
    }

    /// The first keys of an action in these contexts.
    pub fn keys(&self, contexts: &[Context], action: Action) -> Option<String> {
        contexts.iter().find_map(|context| {
            let mut here = self
                .bound
                .iter()
                .filter(|(bound, _, does)| bound == context && *does == action);
            here.next().map(|(_, keys, _)| written(keys))
        })
    }

    /// The lines of the table that hold in these contexts, the narrowest first.
    pub fn bindings(contexts: &[Context]) -> impl Iterator<Item = &'static Binding> {
        contexts.iter().flat_map(|context| {
            TABLE
                .iter()
                .filter(move |binding| binding.context == *context)
        })
    }
}

/// The table as a document: a heading for each context, a line for each key.
pub fn document() -> String {
    let mut out = String::new();
    for context in Context::ALL {
        let _ = write!(
            out,
            "### {}\n\n| keys | what they do |\n|---|---|\n",
            context.title()
        );
        for binding in TABLE.iter().filter(|binding| binding.context == context) {
            let keys: Vec<String> = sequences(binding.keys)
                .map(|keys| format!("`{}`", written(&keys)))
                .collect();
            let _ = writeln!(out, "| {} | {} |", keys.join(" "), binding.name);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contexts that hold together, as screens have them.
    const TOGETHER: [&[Context]; 7] = [
        &[Context::Files, Context::Rows, Context::Everywhere],
        &[Context::Run, Context::Rows, Context::Everywhere],
        &[
            Context::Timeline,
            Context::Run,
            Context::Rows,
            Context::Everywhere,
        ],
        &[
            Context::Json,
            Context::Run,
            Context::Rows,
            Context::Everywhere,
        ],
        &[Context::Replay, Context::Rows, Context::Everywhere],
        &[Context::Travel, Context::Rows, Context::Everywhere],
        &[Context::Campaign, Context::Rows, Context::Everywhere],
    ];

    #[test]
    fn no_key_means_two_things() {
        let keymap = Keymap::default();
        for contexts in TOGETHER {
            let mut seen: Vec<(&[Stroke], Action)> = Vec::new();
            let held = keymap
                .bound
                .iter()
                .filter(|(context, ..)| contexts.contains(context));
            for (_, strokes, action) in held.clone() {
                let twice = seen.iter().any(|(known, _)| *known == strokes.as_slice());
                assert!(!twice, "{} in {contexts:?}", written(strokes));
                seen.push((strokes, *action));
            }
            for (_, strokes, _) in held {
                for (longer, _) in &seen {
                    let prefix = longer.len() > strokes.len() && longer.starts_with(strokes);
                    assert!(!prefix, "{} hides {}", written(strokes), written(longer));
                }
            }
        }
    }

    #[test]
    fn every_context_is_on_some_screen() {
        for context in Context::ALL {
            assert!(
                TOGETHER.iter().any(|together| together.contains(&context)),
                "{context:?}"
            );
        }
    }

    #[test]
    fn no_key_needs_what_not_every_terminal_or_keyboard_has() {
        for (_, strokes, _) in Keymap::default().bound {
            for stroke in strokes {
                assert!(!matches!(
                    stroke.code,
                    crossterm::event::KeyCode::Char('[' | ']' | '{' | '}' | '@' | '\\')
                ));
            }
        }
    }

    #[test]
    fn sequences_are_found_stroke_by_stroke() {
        let keymap = Keymap::default();
        let contexts = TOGETHER[1];
        let g = Stroke::char('g');
        assert_eq!(keymap.find(contexts, &[g]), Found::Prefix);
        assert_eq!(keymap.find(contexts, &[g, g]), Found::Action(Action::Top));
        assert_eq!(
            keymap.find(contexts, &[g, Stroke::char('x')]),
            Found::Nothing
        );
        assert_eq!(
            keymap.keys(contexts, Action::ToggleTasks).as_deref(),
            Some("f w")
        );
    }

    #[test]
    fn the_table_as_a_document() {
        insta::assert_snapshot!(document());
    }
}
