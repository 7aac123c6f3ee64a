//! Which scenarios a command is about.

use std::fs;
use std::path::{Path, PathBuf};

use steadfast_sim::scenario::{Mistakes, Scenario, load, nearest};
use steadfast_sim::suite::Suite;

use crate::problem::Problem;

/// The largest scenario file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// A scenario and how people call it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What to type to mean it: its name if it is registered, else its file.
    pub(crate) handle: String,
    /// The text of the file.
    pub(crate) text: String,
    pub(crate) scenario: Scenario,
}

/// The scenarios that are registered, in the order of registration.
pub(crate) fn registered(suite: &Suite) -> Result<Vec<Target>, Problem> {
    let sources = suite.scenarios().iter();
    sources
        .map(|source| Ok(from_text(suite, None, &source.file, &source.text)?))
        .collect()
}

/// The scenarios that are meant by paths and names; all that are registered if there are none.
pub(crate) fn select(suite: &Suite, paths: &[String]) -> Result<Vec<Target>, Problem> {
    let targets = if paths.is_empty() {
        registered(suite)?
    } else {
        let each = paths.iter().map(|path| meant(suite, path));
        each.collect::<Result<Vec<_>, _>>()?.concat()
    };
    if targets.is_empty() {
        return Err(Problem::with_help(
            "there is no scenario to run",
            "name a scenario file, or register some with `Suite::scenario`",
        ));
    }
    Ok(targets)
}

/// The one scenario that is meant by a path or a name.
pub(crate) fn one(suite: &Suite, what: &str) -> Result<Target, Problem> {
    let mut targets = meant(suite, what)?;
    match (targets.pop(), targets.is_empty()) {
        (Some(target), true) => Ok(target),
        _ => Err(Problem::user(format!("`{what}` is not one scenario"))),
    }
}

/// A scenario from the text of its file.
pub(crate) fn from_text(
    suite: &Suite,
    handle: Option<&str>,
    file: &str,
    text: &str,
) -> Result<Target, Mistakes> {
    let scenario = load(suite, file, text)?;
    let handle = handle.unwrap_or(&scenario.name).to_owned();
    Ok(Target {
        handle,
        text: text.to_owned(),
        scenario,
    })
}

fn meant(suite: &Suite, what: &str) -> Result<Vec<Target>, Problem> {
    let named = suite
        .scenarios()
        .iter()
        .find(|source| source.file.strip_suffix(".toml").unwrap_or(&source.file) == what);
    if let Some(source) = named {
        return Ok(vec![from_text(suite, None, &source.file, &source.text)?]);
    }
    let path = Path::new(what);
    if path.is_dir() {
        let files = files_in(path, "toml")?;
        if files.is_empty() {
            return Err(Problem::user(format!("there is no *.toml in {what}")));
        }
        return files.iter().map(|file| read(suite, file)).collect();
    }
    if !path.exists() {
        return Err(missing(suite, what));
    }
    Ok(vec![read(suite, path)?])
}

fn missing(suite: &Suite, what: &str) -> Problem {
    let names = suite.scenarios().iter();
    let names: Vec<_> = names
        .map(|source| source.file.strip_suffix(".toml").unwrap_or(&source.file))
        .collect();
    let message = format!("there is no file and no registered scenario `{what}`");
    match nearest(what, names.iter().copied()) {
        Some(name) => Problem::with_help(message, format!("did you mean `{name}`?")),
        None => Problem::with_help(message, format!("registered are {}", names.join(", "))),
    }
}

fn read(suite: &Suite, path: &Path) -> Result<Target, Problem> {
    let text = read_text(path, MOST_BYTES)?;
    let file = path.display().to_string();
    Ok(from_text(suite, Some(&file), &file, &text)?)
}

/// Reads a text file that is not absurdly large.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<String, Problem> {
    let wrong = |error| Problem::io("read", path, &error);
    let length = fs::metadata(path).map_err(wrong)?.len();
    if length > most {
        let shown = path.display();
        return Err(Problem::user(format!(
            "{shown} is too large: {length} bytes, of {most}"
        )));
    }
    let bytes = fs::read(path).map_err(wrong)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::user(format!(
            "{} is not a text file: byte {at} is not UTF-8",
            path.display()
        ))
    })
}

/// The files of a folder with an extension, sorted.
pub(crate) fn files_in(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Problem> {
    let wrong = |error| Problem::io("read", folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|found| found == extension) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
