//! What no compiler sees: who depends on whom, what may not be named, what must be documented.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use steadfast::sim::kernel::FaultClass;
use steadfast::sim::scenario::ClusterFault;
use steadfast::sim::scenario::cel::{FUNCTIONS, FieldDoc, VARIABLES};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return files;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let document: Value = serde_json::from_slice(&cargo.stdout).expect("it is JSON");
    document["packages"].as_array().expect("packages").clone()
}

/// The direct dependencies of a package: those it has always, and those of its tests and builds.
fn dependencies(package: &Value, kind: Option<&str>) -> BTreeSet<String> {
    let all = package["dependencies"]
        .as_array()
        .expect("dependencies")
        .iter();
    let chosen = all.filter(|dependency| dependency["kind"].as_str() == kind);
    chosen
        .map(|dependency| dependency["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn a_new_dependency_is_a_reviewed_change() {
    let mut packages = packages();
    packages.sort_by_key(|package| package["name"].to_string());
    let mut text = String::new();
    for package in &packages {
        let name = package["name"].as_str().expect("a name");
        for (kind, what) in [
            (None, ""),
            (Some("build"), " (build)"),
            (Some("dev"), " (dev)"),
        ] {
            let names: Vec<_> = dependencies(package, kind).into_iter().collect();
            if !names.is_empty() {
                let _ = writeln!(text, "{name}{what}: {}", names.join(" "));
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_arrows_point_one_way() {
    let allowed: &[(&str, &[&str])] = &[
        ("steadfast-proto", &[]),
        ("steadfast-core", &["steadfast-proto"]),
        ("steadfast-replay", &["steadfast-proto"]),
        ("steadfast-store", &["steadfast-core", "steadfast-proto"]),
        ("steadfast-client", &["steadfast-proto"]),
        (
            "steadfast-server",
            &["steadfast-core", "steadfast-proto", "steadfast-store"],
        ),
        (
            "steadfast-sim",
            &[
                "steadfast-core",
                "steadfast-proto",
                "steadfast-replay",
                "steadfast-store",
            ],
        ),
        ("steadfast-scenarios", &["steadfast-sim"]),
        (
            "steadfast-tui",
            &["steadfast-proto", "steadfast-replay", "steadfast-sim"],
        ),
    ];
    for package in packages() {
        let name = package["name"].as_str().expect("a name").to_owned();
        let dependencies = dependencies(&package, None);
        let Some((_, allowed)) = allowed.iter().find(|(known, _)| **known == name) else {
            continue;
        };
        for dependency in dependencies.iter().filter(|it| it.starts_with("steadfast")) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} uses {dependency}"
            );
        }
        if ![
            "steadfast-proto",
            "steadfast-client",
            "steadfast-server",
            "steadfast-tui",
        ]
        .contains(&name.as_str())
        {
            for runtime in ["tokio", "tonic", "async-std", "smol"] {
                assert!(
                    !dependencies.contains(runtime),
                    "{name} depends on {runtime}"
                );
            }
        }
    }
}

#[test]
fn the_deterministic_packages_name_nothing_of_the_outside() {
    let banned = [
        ("HashMap", "its order differs per process; use BTreeMap"),
        ("HashSet", "its order differs per process; use BTreeSet"),
        ("RandomState", "it is seeded by the operating system"),
        ("time::Instant", "time is an input"),
        ("SystemTime", "time is an input"),
        ("thread::spawn", "one run is one thread"),
        ("thread_local!", "there is no hidden state"),
        ("std::env::", "configuration is an input"),
        ("println!", "results are returned"),
        ("todo!", "nothing is left for later"),
        ("#[allow(", "write #[expect(…, reason = \"…\")]"),
    ];
    let mut wrong = Vec::new();
    for package in ["engine/core", "engine/replay", "engine/store", "sim"] {
        for file in files_under(&Path::new(package).join("src"), "rs") {
            let text = read(&file);
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                // What an `expect` line explains is named on purpose.
                if line.contains("outside:") {
                    continue;
                }
                for (name, why) in banned {
                    if code.contains(name) {
                        let place = file.strip_prefix(root()).unwrap_or(&file).display();
                        wrong.push(format!("{place}:{}: {name}: {why}", number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of the built-in checkers, from where they are given.
fn checkers() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files_under(Path::new("sim/src/checkers"), "rs") {
        let text = read(&file);
        for part in text.split("Tally::new(\"").skip(1) {
            names.insert(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
    assert!(names.len() >= 10, "the checkers were not found");
    names
}

#[test]
fn every_checker_scenario_and_planted_bug_is_documented() {
    let suite = steadfast_scenarios::suite();
    let text = read("docs/sim.md");
    let scenarios = suite.scenarios().iter();
    let scenarios = scenarios.map(|source| source.file.trim_end_matches(".toml").to_owned());
    let sabotages = suite
        .sabotages()
        .iter()
        .map(|sabotage| sabotage.name.clone());
    let invariants = suite.invariants().keys().cloned();
    let names = checkers()
        .into_iter()
        .chain(scenarios)
        .chain(sabotages)
        .chain(invariants);
    let missing: Vec<_> = names
        .filter(|name| !text.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/sim.md lacks {missing:?}");
}

#[test]
fn every_checker_has_a_planted_bug() {
    let suite = steadfast_scenarios::suite();
    let caught: BTreeSet<_> = suite
        .sabotages()
        .iter()
        .map(|sabotage| sabotage.caught_by.clone())
        .collect();
    let idle: Vec<_> = checkers()
        .into_iter()
        .filter(|name| !caught.contains(name))
        .collect();
    assert!(idle.is_empty(), "no planted bug names {idle:?}");
}

#[test]
fn every_scenario_file_is_registered() {
    let suite = steadfast_scenarios::suite();
    let registered: BTreeSet<_> = suite.scenarios().iter().map(|it| it.file.clone()).collect();
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(root().join("scenarios")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if name != "Cargo.toml" {
                written.insert(name);
            }
        }
    }
    assert_eq!(registered, written);
}

#[test]
fn the_scenario_format_is_documented() {
    let text = read("docs/scenarios.md");
    let kernel = FaultClass::ALL.iter().map(|class| class.name());
    let cluster = ClusterFault::ALL.iter().map(|fault| fault.name());
    let mut missing = Vec::new();
    for name in kernel.chain(cluster).chain(FUNCTIONS.iter().copied()) {
        if !text.contains(&format!("`{name}`")) {
            missing.push(name.to_owned());
        }
    }
    fields(VARIABLES, &text, &mut missing);
    assert!(missing.is_empty(), "docs/scenarios.md lacks {missing:?}");
}

fn fields(fields_of: &'static [FieldDoc], text: &str, missing: &mut Vec<String>) {
    for field in fields_of {
        if !text.contains(&format!("`{}`", field.name)) {
            missing.push(field.name.to_owned());
        }
        if let Some(shape) = field.shape() {
            fields(shape.fields, text, missing);
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let folder = files_under(Path::new("docs"), "md").into_iter();
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    for file in folder.chain(top) {
        let text = read(&file);
        for part in text.split("](").skip(1) {
            let link = part.split([')', '#']).next().unwrap_or_default();
            let near = file.parent().expect("a folder").join(link);
            if !link.is_empty() && !link.contains(':') && !near.exists() {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}
