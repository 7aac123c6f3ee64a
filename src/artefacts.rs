//! What is kept of a failed run: a folder with a repro file, the trace and the histories.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use steadfast_proto::json::history_to_json;
use steadfast_sim::report::RunReport;

use crate::problem::Problem;
use crate::repro::{Head, Repro, Source, Wrong};
use crate::select::Target;

/// The files of one failed run.
#[derive(Clone, Debug)]
pub(crate) struct Artefacts {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The repro file.
    pub(crate) repro: PathBuf,
}

/// Refuses a place that cannot become a folder, before anything runs.
pub(crate) fn check_place(out: &Path) -> Result<(), Problem> {
    let existing = out
        .ancestors()
        .find(|path| path.as_os_str().is_empty() || path.exists());
    match existing {
        Some(path) if !path.as_os_str().is_empty() && !path.is_dir() => {
            let message = format!("cannot write to {}", out.display());
            Err(Problem::with_help(
                message,
                format!("{} is no folder", path.display()),
            ))
        }
        _ => Ok(()),
    }
}

/// Writes what is kept of a failed run, which was made again with everything recorded.
pub(crate) fn write(
    out: &Path,
    target: &Target,
    sabotage: Option<&str>,
    report: &RunReport,
) -> Result<Artefacts, Problem> {
    let mut name = format!("{}-{}", target.scenario.name, report.seed);
    if let Some(sabotage) = sabotage {
        name = format!("{name}-{sabotage}");
    }
    let folder = out.join(file_name(&name));
    let histories = folder.join("histories");
    fs::create_dir_all(&histories).map_err(|error| Problem::io("make", &histories, &error))?;
    let repro = folder.join("repro.json");
    write_file(&repro, &repro_of(target, sabotage, report).to_json())?;
    let mut trace = String::new();
    for event in &report.trace {
        let _ = writeln!(trace, "{event}");
    }
    write_file(&folder.join("trace.txt"), &trace)?;
    for ((workflow, run), history) in &report.histories {
        let short = run.get(..8).unwrap_or(run);
        let path = histories.join(file_name(&format!("{workflow}-{short}")) + ".json");
        write_file(&path, &history_to_json(history))?;
    }
    Ok(Artefacts { folder, repro })
}

fn repro_of(target: &Target, sabotage: Option<&str>, report: &RunReport) -> Repro {
    let file = target.scenario.file.clone();
    let source = Source {
        file,
        text: target.text.clone(),
    };
    let mut head = Head::new(
        source,
        sabotage.map(str::to_owned),
        report.seed,
        report.hash,
    );
    head.failures = report.failures.iter().map(Wrong::from).collect();
    Repro {
        head,
        choices: report.choices.clone().unwrap_or_default(),
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), Problem> {
    fs::write(path, text).map_err(|error| Problem::io("write", path, &error))
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let tame = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(tame).take(100).collect();
    name.trim_start_matches('.').to_owned()
}
