//! What can be asked of `console`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Histories as JSON, folders of them, or - for standard input; a repro file, or a scenario and a seed, as in
    /// order-saga:17; a scenario, to run one seed after another
    #[arg(value_name = "WHAT")]
    pub(crate) what: Vec<String>,
    /// Go to this event of the one history
    #[arg(long, value_name = "ID")]
    pub(crate) event: Option<i64>,
    /// Plant this bug in simulated runs
    #[arg(long, value_name = "NAME")]
    pub(crate) sabotage: Option<String>,
    /// The first seed of a campaign, decimal or 0x
    #[arg(long, value_name = "S", value_parser = super::parse_seed, default_value = "0")]
    pub(crate) seed: u64,
    /// Print what would be shown, as text
    #[arg(long)]
    pub(crate) plain: bool,
    /// The colours; without NO_COLOR those of the terminal
    #[arg(long, value_name = "NAME")]
    pub(crate) theme: Option<ThemeName>,
    /// Draw with ASCII only
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// The colours that can be chosen.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ThemeName {
    /// The sixteen colours of the terminal
    Terminal,
    /// The same, bold
    Contrast,
    /// Blue and yellow where others have green and red
    ColourBlind,
    /// None
    Mono,
}
