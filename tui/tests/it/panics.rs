//! Bugs of the console and of its sources, on a terminal of their own: the terminal is given back, and keys are answered.
//!
//! The program is this test again, told by a variable what to do.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use steadfast_tui::app::Open;
use steadfast_tui::event_loop::{self, Console};
use steadfast_tui::source::{Reference, Reply, Request, Source, jobs};
use steadfast_tui::theme::Theme;

const TOLD: &str = "STEADFAST_CONSOLE_TEST";

/// A source with a bug.
#[derive(Debug)]
struct Buggy(String);

impl Source for Buggy {
    fn name(&self) -> String {
        "buggy".to_owned()
    }

    fn command(&self, _: Option<&Reference>, _: Option<i64>) -> String {
        String::new()
    }

    fn ask(self: Arc<Self>, _: Request, reply: Reply) {
        match self.0.as_str() {
            "the loop panics" => panic!("a bug of the loop"),
            "a job panics" => jobs::spawn(reply, |_| panic!("a bug of the job")),
            // Nobody ever answers.
            _ => std::mem::forget(reply),
        }
    }
}

/// What the program does; nothing when it is a test among others.
#[test]
fn the_program() {
    let Ok(what) = std::env::var(TOLD) else {
        return;
    };
    let console = Console {
        source: Arc::new(Buggy(what)),
        builds: Arc::default(),
        open: Open::List,
        theme: Theme::default(),
    };
    event_loop::run(&console).expect("a terminal");
}

/// Runs the program until it ends: waits for a text, presses keys, and so on. What is on the screen then.
fn run(what: &str, steps: &[(&str, &str)]) -> vt100::Parser {
    let size = PtySize {
        rows: 30,
        cols: 100,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = native_pty_system().openpty(size).expect("a terminal");
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this program"));
    command.args(["panics::the_program", "--exact", "--nocapture"]);
    command.env("TERM", "xterm-256color");
    command.env("RUST_BACKTRACE", "0");
    command.env(TOLD, what);
    let mut child = pair.slave.spawn_command(command).expect("it runs");
    drop(pair.slave);
    let mut from = pair.master.try_clone_reader().expect("its output");
    let mut keys = pair.master.take_writer().expect("its input");
    let (to, output) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if to.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let some = |count| NonZeroU16::new(count).expect("more than nothing");
    let mut screen = vt100::Parser::new(some(30), some(100), 0);
    let end = Instant::now() + Duration::from_secs(60);
    let mut steps = steps.iter();
    let mut step = steps.next();
    while let Ok(bytes) = output.recv_timeout(end.saturating_duration_since(Instant::now())) {
        screen.process(&bytes);
        while let Some((text, press)) = step
            && screen.screen().contents().contains(text)
        {
            keys.write_all(press.as_bytes()).expect("it reads");
            step = steps.next();
        }
    }
    assert!(
        Instant::now() < end,
        "it does not end:\n{}",
        screen.screen().contents()
    );
    child.wait().expect("it has ended");
    screen
}

fn is_given_back(screen: &vt100::Parser) {
    let screen = screen.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
}

#[test]
fn a_panic_of_the_loop_gives_the_terminal_back_and_is_told() {
    let screen = run("the loop panics", &[]);
    is_given_back(&screen);
    assert!(
        screen.screen().contents().contains("a bug of the loop"),
        "{}",
        screen.screen().contents()
    );
}

#[test]
fn a_panic_of_a_job_is_a_message() {
    let screen = run(
        "a job panics",
        &[("a bug of the console: a bug of the job", "q")],
    );
    is_given_back(&screen);
}

#[test]
fn a_source_that_hangs_holds_nobody_up() {
    let screen = run(
        "it hangs",
        &[
            ("reading", "?"),
            ("keys: enter does it", "q"),
            ("reading", "\x03"),
            ("again ends", "\x03"),
        ],
    );
    is_given_back(&screen);
}
