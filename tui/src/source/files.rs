//! Exported histories: files, folders of them, and standard input.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Data, Read, Reference, Reply, Request, Source, jobs};
use crate::history::{History, load};

/// The largest history that is read: more than four times what a Temporal server allows.
const MOST_BYTES: u64 = 256 << 20;

/// The name of standard input.
pub const STDIN: &str = "-";

/// Exported histories.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// How the program is called, for the commands that are shown.
    program: String,
    /// Standard input can be read once.
    stdin: Mutex<Option<Arc<str>>>,
}

impl Files {
    /// The histories at these paths: files, folders, and `-`.
    pub fn new(paths: Vec<PathBuf>, program: impl Into<String>) -> Self {
        Self {
            paths,
            program: program.into(),
            stdin: Mutex::new(None),
        }
    }

    /// The one history that is meant, if it is one.
    pub fn only(&self) -> Option<Reference> {
        match self.paths.as_slice() {
            [path] if !path.is_dir() => Some(reference(path)),
            _ => None,
        }
    }

    /// Every history, in the order of the paths; those of a folder by their names.
    pub fn all(&self) -> Result<Vec<Reference>, String> {
        let mut all = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                all.extend(in_folder(path)?);
            } else {
                all.push(reference(path));
            }
        }
        Ok(all)
    }

    /// The text of a history.
    pub fn text(&self, history: &Reference) -> Result<Arc<str>, String> {
        if history.0 == STDIN {
            return self.standard_input();
        }
        let file = fs::File::open(&history.0).map_err(|error| plain(&error))?;
        read(file)
    }

    fn standard_input(&self) -> Result<Arc<str>, String> {
        let mut kept = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = &*kept {
            return Ok(Arc::clone(text));
        }
        let text = read(std::io::stdin())?;
        *kept = Some(Arc::clone(&text));
        Ok(text)
    }

    /// Reads what one history is.
    pub fn summary(&self, history: &Reference) -> Result<Read, String> {
        let text = self.text(history)?;
        let mut read = History::default();
        let whole = load::load(&text, |events| {
            read.push(events);
            true
        });
        match whole {
            Err(why) if read.is_empty() => Err(why),
            _ => Ok(Read {
                summary: read.summary().clone(),
                problems: read.problems().len(),
            }),
        }
    }
}

fn reference(path: &Path) -> Reference {
    Reference(path.display().to_string())
}

fn in_folder(folder: &Path) -> Result<Vec<Reference>, String> {
    let wrong = |error: std::io::Error| format!("{}: {}", folder.display(), plain(&error));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && path.is_file()
        {
            found.push(reference(&path));
        }
    }
    found.sort();
    Ok(found)
}

fn read(from: impl std::io::Read) -> Result<Arc<str>, String> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| plain(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!(
            "more than the {} MiB that are read",
            MOST_BYTES >> 20
        ));
    }
    // JSON is UTF-8; what is not is shown as damaged rather than refused.
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(text.into())
}

fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase()
}

impl Source for Files {
    fn name(&self) -> String {
        match self.paths.as_slice() {
            [path] if path.as_os_str() == STDIN => "standard input".to_owned(),
            [path] => path.display().to_string(),
            paths => format!("{} paths", paths.len()),
        }
    }

    fn command(&self, history: Option<&Reference>, event: Option<i64>) -> String {
        let mut command = format!("{} console", self.program);
        match history {
            Some(history) => command.push_str(&format!(" {}", quoted(&history.0))),
            None => self.paths.iter().for_each(|path| {
                command.push_str(&format!(" {}", quoted(&path.display().to_string())))
            }),
        }
        if let Some(event) = event {
            command.push_str(&format!(" --event {event}"));
        }
        command
    }

    fn ask(self: Arc<Self>, request: Request, reply: Reply) {
        jobs::spawn(reply, move |reply| match request {
            Request::List => match self.all() {
                Err(why) => Some(why),
                Ok(all) => {
                    reply.send(Data::Listed(all.clone()));
                    for (place, history) in all.iter().enumerate() {
                        let read = self.summary(history).map(Box::new);
                        if !reply.send(Data::Summary(place, read)) {
                            break;
                        }
                    }
                    None
                }
            },
            Request::History(history) => match self.text(&history) {
                Err(why) => Some(why),
                Ok(text) => load::load(&text, |events| reply.send(Data::Events(events))).err(),
            },
            _ => Some("a file cannot answer this".to_owned()),
        });
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_a_shell_whole() {
        assert_eq!(quoted("a/b-1.json"), "a/b-1.json");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn folders_are_read_by_name_and_other_files_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b.json", "a.json", "c.txt"] {
            fs::write(folder.path().join(name), "[]").expect("written");
        }
        let files = Files::new(vec![folder.path().to_owned()], "steadfast");
        let all = files.all().expect("it can be read");
        let names: Vec<_> = all
            .iter()
            .map(|it| it.0.rsplit('/').next().unwrap_or_default())
            .collect();
        assert_eq!(names, ["a.json", "b.json"]);
        assert_eq!(files.only(), None);
        let missing = Files::new(vec![folder.path().join("no.json")], "steadfast");
        let why = missing
            .text(&missing.only().expect("a file"))
            .expect_err("it is not there");
        assert_eq!(why, "no such file or directory");
    }

    #[test]
    fn a_file_that_is_no_text_is_damaged_not_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.json");
        let mut bytes = b"[{\"eventId\":\"1\",\"eventType\":\"TimerFired\",\"timerFiredEventAttributes\":{\"timerId\":\"".to_vec();
        bytes.extend([0xff, 0xfe]);
        bytes.extend(b"\"}}]");
        fs::write(&path, bytes).expect("written");
        let files = Files::new(vec![path.clone()], "steadfast");
        let read = files.summary(&reference(&path)).expect("it is shown");
        assert_eq!(read.summary.events, 1);
    }
}
