//! The terminal: taken, and given back whatever happens: at the end, on a panic, on a signal, and while in the background.

use std::io::{self, Stdout, Write as _, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;

use crate::app::Model;
use crate::source::jobs;
use crate::view::{Cache, view};

/// Terminals refuse more on their clipboards, or less: what is longer goes into a file.
pub const MOST_COPIED: usize = 74_994;

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Session {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    cache: Cache,
}

impl Session {
    /// Takes the terminal.
    pub fn take() -> io::Result<Self> {
        give_back_on_panic();
        enter()?;
        // Should the rest not work, the terminal is given back.
        let terminal =
            Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| give_back())?;
        Ok(Self {
            terminal,
            cache: Cache::default(),
        })
    }

    /// Draws the console, all of it at once where the terminal can.
    pub fn draw(&mut self, model: &Model) -> io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self
            .terminal
            .draw(|frame| view(model, &mut self.cache, frame))
            .map(|_| ());
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Draws everything again at the next time, whatever is thought to be on the screen.
    pub fn forget(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// What the screen says.
    pub fn text(&mut self, model: &Model) -> io::Result<String> {
        let cache = &mut self.cache;
        let frame = self.terminal.draw(|frame| view(model, cache, frame))?;
        Ok(as_text(frame.buffer))
    }

    /// The size of the terminal.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Asks the terminal to put a text on its clipboard.
    pub fn copy(&self, text: &str) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Goes to the background, and comes back when somebody wants it.
    #[cfg(unix)]
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        enter()?;
        self.forget()
    }

    /// There is no background here.
    #[cfg(not(unix))]
    pub fn suspend(&mut self) -> io::Result<()> {
        self.forget()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let entered = enable_raw_mode()
        .and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide));
    entered.inspect_err(|_| give_back())
}

/// Gives the terminal back, if it is ours. What cannot be written any more is of no interest to a terminal that is gone.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _written = execute!(
            stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _raw = disable_raw_mode();
        let _flushed = stdout().flush();
    }
}

/// A panic of the console gives the terminal back before it is told; one within a job is that job's answer.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !jobs::in_job() {
                give_back();
                usual(info);
            }
        }));
    });
}

/// The text of a screen, without blanks at the ends of lines.
pub fn as_text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in buffer
        .content()
        .chunks(usize::from(buffer.area.width.max(1)))
    {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = crate::text::width(cell.symbol()).saturating_sub(1);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
