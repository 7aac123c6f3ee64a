//! The differences that are allowed, and the document that lists them.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use serde::Deserialize;

use crate::compare::Difference;

/// `allowed.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    pub(crate) difference: Vec<Entry>,
}

/// One difference that is allowed. Of each there must be at least one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The history's file name without `.json`; `*` is any, for what differs everywhere alike.
    pub(crate) case: String,
    /// Event type and fields; `events` for the sequence of events.
    pub(crate) path: String,
    /// What Temporal has there, what we have, and why that is so.
    pub(crate) why: String,
}

impl Entry {
    fn covers(&self, file: &str, path: &str) -> bool {
        (self.case == "*" || self.case == file) && self.path == path
    }
}

/// What was found and is not allowed, and what is allowed and was not found.
pub(crate) fn judge(allowed: &Allowed, found: &[(String, Difference)]) -> Vec<String> {
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (file, it) in found {
        let covering = allowed
            .difference
            .iter()
            .position(|entry| entry.covers(file, &it.path));
        match covering {
            Some(index) => {
                used.insert(index);
            }
            None => wrong.push(format!(
                "{file}: {}: recorded {}, ours {}",
                it.path, it.recorded, it.ours
            )),
        }
    }
    for (index, entry) in allowed.difference.iter().enumerate() {
        if !used.contains(&index) {
            wrong.push(format!(
                "allowed, but there is none: {} {}",
                entry.case, entry.path
            ));
        }
    }
    wrong
}

/// The list as Markdown.
pub(crate) fn table(allowed: &Allowed) -> String {
    let mut text = String::from("| history | where | why |\n|---|---|---|\n");
    for entry in &allowed.difference {
        let case = if entry.case == "*" {
            "all"
        } else {
            &entry.case
        };
        let why = entry.why.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(text, "| {case} | `{}` | {why} |", entry.path).expect("a string");
    }
    text
}

/// Where the code says which part of Temporal it follows: `// temporal:` comments, by file.
pub(crate) fn sources(root: &Path) -> String {
    let mut files = Vec::new();
    for folder in ["engine/core/src", "engine/replay/src"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut text = String::from("| file | follows |\n|---|---|\n");
    for file in files {
        let code = fs::read_to_string(&file).expect("a source file");
        let name = file
            .strip_prefix(root)
            .expect("below the root")
            .display()
            .to_string();
        for note in notes(&code) {
            writeln!(text, "| `{name}` | {} |", note.replace('|', "\\|")).expect("a string");
        }
    }
    text
}

/// Each note with the comment lines that continue it.
fn notes(code: &str) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut continues = false;
    for line in code.lines().map(str::trim) {
        let comment = line
            .strip_prefix("//")
            .map(|text| text.trim_start_matches(['/', '!']).trim());
        let note = line
            .find("// temporal:")
            .or_else(|| line.find("temporal: `"));
        match (note, comment) {
            (Some(at), _) => {
                let text = line[at..]
                    .trim_start_matches("// ")
                    .trim_start_matches("temporal:");
                notes.push(text.trim().to_owned());
                continues = line.starts_with("// temporal:");
            }
            (None, Some(more)) if continues && line.starts_with("// ") => {
                let last = notes.last_mut().expect("it continues one");
                last.push(' ');
                last.push_str(more);
            }
            _ => continues = false,
        }
    }
    notes
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}

/// Puts `text` between the two marks of a document.
pub(crate) fn between(document: &str, name: &str, text: &str) -> String {
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let (head, rest) = document.split_once(&begin).expect("the begin mark");
    let (_, tail) = rest.split_once(&end).expect("the end mark");
    format!("{head}{begin}\n{text}\n{end}{tail}")
}
