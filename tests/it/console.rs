//! The console on a terminal of its own.
#![cfg(unix)]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything may take, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Pty {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Everything that the program wrote.
    written: Vec<u8>,
}

impl Pty {
    fn start(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(args);
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program runs");
        drop(pair.slave);
        let mut from = pair.master.try_clone_reader().expect("its output");
        let keys = pair.master.take_writer().expect("its input");
        let (to, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if to.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            master: pair.master,
            child,
            keys,
            output,
            screen: vt100::Parser::new(rows(30), rows(100), 0),
            written: Vec::new(),
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen is as wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !wanted(self.screen.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.written.extend(bytes);
                }
                Err(error) => panic!("never {what} ({error}):\n{}", self.text()),
            }
        }
    }

    fn until_text(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits for the end; the terminal must have been given back.
    fn ends(mut self) -> u32 {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.written.extend(bytes);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.text()),
            }
        }
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen(), "the screen was not given back");
        assert!(!screen.hide_cursor(), "the cursor was not given back");
        assert!(!screen.bracketed_paste(), "pastes are still marked");
        self.child.wait().expect("it has ended").exit_code()
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &id])
            .status();
        assert!(sent.expect("kill runs").success());
    }
}

fn rows(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("more than nothing")
}

#[test]
fn a_folder_is_browsed_from_the_list_to_an_event_and_back() {
    let mut pty = Pty::start(&["console", "scenarios/histories"], &[]);
    pty.until_text("activity-abandoned");
    pty.press("/trial-converted\r");
    pty.until_text("with trial-converted");
    pty.press("\r");
    pty.until_text("1 Compact");
    pty.press("3");
    pty.until_text("WorkflowExecutionStarted");
    pty.press("/trial\r");
    pty.until_text("hits");
    pty.press("d");
    pty.until_text("follows all");
    pty.press("qq");
    pty.until_text("histories by file");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn a_seed_is_travelled_through() {
    let mut pty = Pty::start(&["console", "order_fulfillment:17"], &[]);
    pty.until_text("event 1 of");
    pty.press("f");
    pty.until("another event", |screen| {
        let text = screen.contents();
        text.contains(" of ") && !text.contains("event 1 of")
    });
    pty.press("G3");
    pty.until_text("order-1");
    pty.press("\r");
    pty.until_text("at event");
    pty.press("2");
    pty.until_text("Timeline");
    pty.press("qq");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn a_campaign_runs_and_its_seeds_open() {
    let bug = "charge-without-idempotency";
    let args = ["console", "order_fulfillment", "--sabotage", bug];
    let mut pty = Pty::start(&args, &[]);
    pty.until("a failure", |screen| {
        let text = screen.contents();
        text.contains("failed in ") && !text.contains("failed in 0 ways")
    });
    pty.press("P");
    pty.until_text("paused");
    pty.press("gg\r");
    pty.until_text("what led here");
    pty.press("e");
    pty.until_text("✗");
    pty.press("q");
    pty.until_text("campaign order_fulfillment");
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn colours_are_there_unless_nobody_wants_them() {
    let coloured = |environment: &[(&str, &str)]| {
        let mut pty = Pty::start(&["console", "scenarios/histories"], environment);
        pty.until_text("Completed");
        pty.press("q");
        let mut colours = 0;
        let screen = pty.screen.screen();
        for row in 0..30 {
            for column in 0..100 {
                let cell = screen.cell(row, column);
                colours +=
                    usize::from(cell.is_some_and(|cell| cell.fgcolor() != vt100::Color::Default));
            }
        }
        assert_eq!(pty.ends(), 0);
        colours
    };
    assert!(coloured(&[]) > 0);
    assert_eq!(coloured(&[("NO_COLOR", "1")]), 0);
}

#[test]
fn the_terminal_may_change_its_size() {
    let mut pty = Pty::start(
        &["console", "scenarios/histories/trial-converted.json"],
        &[],
    );
    pty.until_text("1 Compact");
    for (rows_now, columns) in [(10, 40), (40, 120)] {
        let size = PtySize {
            rows: rows_now,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        pty.screen
            .screen_mut()
            .set_size(rows(rows_now), rows(columns));
        pty.master.resize(size).expect("resized");
        if columns < 60 {
            pty.until_text("need 60x16, have 40x10");
        } else {
            pty.until_text("1 Compact");
        }
    }
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in ["TERM", "HUP"] {
        let mut pty = Pty::start(&["console", "scenarios/histories"], &[]);
        pty.until_text("histories by file");
        pty.signal(signal);
        assert_eq!(pty.ends(), 0, "{signal}");
    }
}

#[test]
fn ctrl_c_twice_ends_it() {
    let mut pty = Pty::start(&["console", "scenarios/histories"], &[]);
    pty.until_text("histories by file");
    pty.press("\x03");
    pty.until_text("again ends the console");
    pty.press("\x03");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn what_is_copied_goes_to_the_terminals_clipboard() {
    let mut pty = Pty::start(
        &["console", "scenarios/histories/trial-converted.json"],
        &[],
    );
    pty.until_text("40 events");
    pty.press("yi");
    pty.until_text("OSC 52");
    let written = String::from_utf8_lossy(&pty.written).into_owned();
    // "trial-converted" in base64.
    assert!(
        written.contains("\x1b]52;c;dHJpYWwtY29udmVydGVk"),
        "{written:?}"
    );
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

#[test]
fn without_a_terminal_it_is_lines_of_text() {
    let histories = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/histories");
    let plain = |args: &[&str], input: Option<&Path>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.arg("console").args(args).current_dir(&histories);
        if let Some(input) = input {
            command.stdin(std::fs::File::open(input).expect("it is there"));
        }
        let output = command.output().expect("it runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), out, error)
    };
    let (code, out, _) = plain(&["."], None);
    assert_eq!(code, 0);
    assert!(out.lines().count() > 100 && out.contains("activity-retried"));
    let one = histories.join("activity-retried.json");
    let (code, from_input, _) = plain(&[], Some(&one));
    assert_eq!(code, 0);
    let (_, from_file, _) = plain(&["activity-retried.json", "--plain"], None);
    assert_eq!(from_input, from_file);
    insta::assert_snapshot!(from_file);
    let (code, out, _) = plain(&["cases.json"], None);
    assert_eq!(code, 2);
    assert!(out.contains("no `events`"), "{out}");
    let (code, _, error) = plain(&["nowhere.json"], None);
    assert_eq!(code, 2);
    assert!(
        error.contains("there is no file and no registered scenario nowhere.json"),
        "{error}"
    );
}
