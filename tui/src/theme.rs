//! What things look like: roles instead of colours, and the glyphs that go with every colour.
//!
//! Themes use the sixteen colours of the terminal and its own background, so they follow whatever the user has chosen.
//! A selection is always reversed, and a status always has a glyph and a word: no meaning is in a colour alone.

use ratatui::style::{Color, Modifier, Style};

/// What something means, to whoever looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is read.
    Text,
    /// What is there if one looks for it.
    Muted,
    /// Names of panes and columns.
    Title,
    /// Where one is.
    Accent,
    /// It went well.
    Ok,
    /// It went wrong.
    Fail,
    /// It may go wrong.
    Warn,
    /// It goes on.
    Run,
    /// It waits.
    Pending,
    /// The row that keys act on.
    Select,
    /// A key.
    Key,
    /// What was looked for and found.
    Hit,
    /// Names in documents.
    Name,
    /// Texts in documents.
    Quoted,
    /// Numbers and words in documents.
    Value,
    /// A lane of a picture, by its number.
    Lane(u8),
}

impl Role {
    /// All of them, one lane for all lanes.
    pub const ALL: [Self; 16] = [
        Self::Text,
        Self::Muted,
        Self::Title,
        Self::Accent,
        Self::Ok,
        Self::Fail,
        Self::Warn,
        Self::Run,
        Self::Pending,
        Self::Select,
        Self::Key,
        Self::Hit,
        Self::Name,
        Self::Quoted,
        Self::Value,
        Self::Lane(0),
    ];
}

/// The colours that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// The sixteen colours of the terminal.
    #[default]
    Terminal,
    /// The same in bold and bright.
    Contrast,
    /// Blue and yellow where others have green and red.
    ColourBlind,
    /// No colour at all.
    Mono,
}

impl Palette {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Terminal,
        Self::Contrast,
        Self::ColourBlind,
        Self::Mono,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Contrast => "contrast",
            Self::ColourBlind => "colour-blind",
            Self::Mono => "mono",
        }
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Colours and glyphs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// The colours.
    pub palette: Palette,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
}

impl Theme {
    /// What something of this role looks like.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        if role == Role::Select {
            return plain.add_modifier(Modifier::REVERSED);
        }
        if self.palette == Palette::Mono {
            return match role {
                Role::Fail | Role::Warn | Role::Accent | Role::Key => bold,
                Role::Title | Role::Hit => plain.add_modifier(Modifier::UNDERLINED),
                _ => plain,
            };
        }
        let strong = self.palette == Palette::Contrast;
        let blind = self.palette == Palette::ColourBlind;
        let style = match role {
            Role::Text | Role::Select => plain,
            Role::Muted if strong => plain,
            Role::Muted => plain.add_modifier(Modifier::DIM),
            Role::Title => bold,
            Role::Accent | Role::Key => bold.fg(Color::Cyan),
            Role::Ok if blind => plain.fg(Color::Blue),
            Role::Ok => plain.fg(Color::Green),
            Role::Fail if blind => bold.fg(Color::Yellow),
            Role::Fail => bold.fg(Color::Red),
            Role::Warn if blind => plain.fg(Color::Magenta),
            Role::Warn => plain.fg(Color::Yellow),
            Role::Run | Role::Name => plain.fg(Color::Cyan),
            Role::Pending => plain.fg(Color::Magenta),
            Role::Hit => bold.add_modifier(Modifier::UNDERLINED),
            Role::Quoted if blind => plain.fg(Color::Blue),
            Role::Quoted => plain.fg(Color::Green),
            Role::Value => plain.fg(Color::Magenta),
            Role::Lane(lane) => plain.fg(Self::lane(lane)),
        };
        if strong && role != Role::Text {
            style.add_modifier(Modifier::BOLD)
        } else {
            style
        }
    }

    const fn lane(lane: u8) -> Color {
        match lane % 5 {
            0 => Color::Cyan,
            1 => Color::Green,
            2 => Color::Magenta,
            3 => Color::Blue,
            _ => Color::Yellow,
        }
    }

    /// One of two glyphs.
    pub const fn pick(self, glyph: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { glyph }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_theme_writes_on_its_own_colour_or_paints_a_background() {
        for palette in Palette::ALL {
            let theme = Theme {
                palette,
                ascii: false,
            };
            for role in Role::ALL {
                let style = theme.style(role);
                assert_eq!(style.bg, None, "{palette:?} {role:?}");
                // What is white, black or grey cannot be read on somebody's background.
                let bad = [Color::White, Color::Black, Color::Gray, Color::DarkGray];
                assert!(
                    style.fg.is_none_or(|fg| !bad.contains(&fg)),
                    "{palette:?} {role:?}"
                );
            }
            let selected = theme.style(Role::Select);
            assert!(selected.add_modifier.contains(Modifier::REVERSED));
        }
    }

    #[test]
    fn without_colour_there_is_none() {
        let theme = Theme {
            palette: Palette::Mono,
            ascii: false,
        };
        assert!(
            Role::ALL
                .into_iter()
                .all(|role| theme.style(role).fg.is_none())
        );
    }

    #[test]
    fn names_lead_back_to_their_palettes() {
        for palette in Palette::ALL {
            assert_eq!(Palette::by_name(palette.name()), Some(palette));
        }
        assert_eq!(Palette::by_name("solarized"), None);
    }
}
