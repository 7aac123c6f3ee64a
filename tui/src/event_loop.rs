//! The one loop of the console. It waits for keys, answers, signals and the time, and for nothing else: nothing in here
//! takes long, so that a key is always answered at once.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossterm::event::{Event, EventStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamExt as _;

use crate::app::{Cmd, Model, Msg, Now, Open, Setup, update};
use crate::keys::Stroke;
use crate::source::jobs::{self, Builds};
use crate::source::{Reply, RequestId, Source};
use crate::terminal::{MOST_COPIED, Session};
use crate::theme::{Role, Theme};

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(8);

/// So many answers are taken before the next frame.
const MOST_AT_ONCE: usize = 64;

/// So many answers wait at most; whoever has more waits.
const WAITING: usize = 256;

/// What the console is started with.
#[derive(Debug)]
pub struct Console {
    /// What is looked at.
    pub source: Arc<dyn Source>,
    /// The registered workflows, for replays.
    pub builds: Arc<Builds>,
    /// What to open at once.
    pub open: Open,
    /// Colours and glyphs.
    pub theme: Theme,
}

/// Runs the console on the terminal until somebody leaves it.
pub fn run(console: &Console) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut session = Session::take()?;
    let ended = runtime.block_on(go(console, &mut session));
    drop(session);
    // A job that still computes must not keep the program.
    runtime.shutdown_background();
    ended
}

fn now() -> Now {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Everything that commands need.
struct Outside<'a> {
    console: &'a Console,
    session: &'a mut Session,
    answers: mpsc::Sender<Msg>,
    /// What was asked for and not canceled.
    asked: HashMap<RequestId, Arc<AtomicBool>>,
    /// When to look at the time again.
    wake: Option<Instant>,
    quit: bool,
}

async fn go(console: &Console, session: &mut Session) -> io::Result<()> {
    // Before anything is shown: who sees the screen may already end it.
    let mut signals = Signals::listen()?;
    let (answers, mut answered) = mpsc::channel(WAITING);
    let size = session.size()?;
    let mut outside = Outside {
        console,
        session,
        answers,
        asked: HashMap::new(),
        wake: None,
        quit: false,
    };
    let setup = Setup {
        source: console.source.name(),
        open: console.open.clone(),
        builds: console.builds.keys().cloned().collect(),
        theme: console.theme,
        size,
    };
    let (mut model, first) = Model::new(setup, now());
    outside.session.draw(&model)?;
    outside.carry_out(first, &mut model)?;
    let mut keys = EventStream::new();
    let mut drawn = Instant::now();
    let mut frame: Option<Instant> = None;
    while !outside.quit {
        let msgs = tokio::select! {
            biased;
            event = keys.next() => match event {
                Some(event) => message(&event?),
                // The terminal is gone.
                None => return Ok(()),
            },
            () = signals.end() => return Ok(()),
            () = until(frame) => {
                outside.session.draw(&model)?;
                (drawn, frame) = (Instant::now(), None);
                continue;
            }
            msg = answered.recv() => {
                let mut msgs: Vec<Msg> = msg.into_iter().collect();
                while msgs.len() < MOST_AT_ONCE && let Ok(msg) = answered.try_recv() {
                    msgs.push(msg);
                }
                msgs
            }
            () = until(outside.wake) => {
                outside.wake = None;
                vec![Msg::Tick]
            }
        };
        for msg in msgs {
            let cmds = update(&mut model, msg, now());
            outside.carry_out(cmds, &mut model)?;
            frame.get_or_insert(drawn + FRAME);
        }
    }
    Ok(())
}

/// At that moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn message(event: &Event) -> Vec<Msg> {
    let msg = match event {
        Event::Key(key) => Stroke::of(key).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text.clone())),
        Event::Resize(width, height) => Some(Msg::Resize(*width, *height)),
        Event::Mouse(_) | Event::FocusGained | Event::FocusLost => None,
    };
    msg.into_iter().collect()
}

impl Outside<'_> {
    fn carry_out(&mut self, cmds: Vec<Cmd>, model: &mut Model) -> io::Result<()> {
        for cmd in cmds {
            match cmd {
                Cmd::Ask(id, request) => {
                    self.asked
                        .retain(|_, canceled| Arc::strong_count(canceled) > 1);
                    let canceled = Arc::new(AtomicBool::new(false));
                    self.asked.insert(id, Arc::clone(&canceled));
                    let reply = Reply::new(id, self.answers.clone(), canceled);
                    jobs::ask(&self.console.source, &self.console.builds, request, reply);
                }
                Cmd::Cancel(id) => {
                    if let Some(canceled) = self.asked.remove(&id) {
                        canceled.store(true, Ordering::Relaxed);
                    }
                }
                Cmd::Copy(text) => self.copy(&text, model)?,
                Cmd::CopyScreen => {
                    let text = self.session.text(model)?;
                    self.copy(&text, model)?;
                }
                Cmd::Save(path, text) => self.save(&path, &text, model),
                Cmd::Wake(after) => {
                    let at = Instant::now() + after;
                    self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
                }
                Cmd::Redraw => self.session.forget()?,
                Cmd::Suspend => self.session.suspend()?,
                Cmd::Quit => self.quit = true,
            }
        }
        Ok(())
    }

    fn tell(&mut self, role: Role, text: String, model: &mut Model) {
        for cmd in update(model, Msg::Told(role, text), now()) {
            if let Cmd::Wake(after) = cmd {
                self.wake = Some(Instant::now() + after);
            }
        }
    }

    fn copy(&mut self, text: &str, model: &mut Model) -> io::Result<()> {
        if text.len() > MOST_COPIED {
            self.save(Path::new("steadfast-copy.txt"), text, model);
        } else {
            self.session.copy(text)?;
            let size = crate::text::bytes(text.len());
            self.tell(
                Role::Ok,
                format!("{size} sent to the terminal's clipboard (OSC 52)"),
                model,
            );
        }
        Ok(())
    }

    fn save(&mut self, path: &Path, text: &str, model: &mut Model) {
        match save(path, text) {
            Ok(path) => self.tell(Role::Ok, format!("saved as {}", path.display()), model),
            Err(error) => self.tell(
                Role::Fail,
                format!("cannot write {}: {error}", path.display()),
                model,
            ),
        }
    }
}

/// Writes a file that is not there yet, under this name or the next that is free.
fn save(path: &Path, text: &str) -> io::Result<PathBuf> {
    use std::io::Write as _;
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for number in 1..1000 {
        let name = if number == 1 {
            format!("{stem}.{extension}")
        } else {
            format!("{stem}-{number}.{extension}")
        };
        let path = path.with_file_name(name);
        match std::fs::File::create_new(&path) {
            Ok(mut file) => return file.write_all(text.as_bytes()).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many files of that name"))
}

/// Whoever started this program may end it.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(unix)]
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn end(&mut self) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        for name in ["a.json", "a-2.json", "a-3.json"] {
            assert_eq!(
                save(&path, name).expect("written"),
                folder.path().join(name)
            );
        }
        assert_eq!(
            std::fs::read_to_string(path).expect("it is there"),
            "a.json"
        );
    }
}
