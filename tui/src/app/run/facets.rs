//! What is hidden: parts of the workflow, names, and all that went well.

use std::collections::BTreeSet;

use crate::history::facts::Category;
use crate::history::group::Group;
use crate::keymap::Action;

/// What is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facets {
    hidden: BTreeSet<Category>,
    names: BTreeSet<(Category, String)>,
    only_problems: bool,
}

impl Default for Facets {
    fn default() -> Self {
        Self {
            hidden: BTreeSet::from([Category::Task]),
            names: BTreeSet::new(),
            only_problems: false,
        }
    }
}

impl Facets {
    /// Whether only workflow tasks are hidden, as at the beginning.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a group is shown. A workflow task that failed is never hidden with those that did not.
    pub fn shows(&self, group: &Group) -> bool {
        let hidden = self.hidden.contains(&group.category)
            && !(group.category == Category::Task && group.problem);
        let named = || self.names.contains(&(group.category, group.name.clone()));
        !hidden && (!self.only_problems || group.problem) && (self.names.is_empty() || !named())
    }

    /// Shows what hides a group; what that was.
    pub fn show(&mut self, group: &Group) -> Option<String> {
        if self.shows(group) {
            return None;
        }
        self.only_problems = false;
        let mut shown = Vec::new();
        if self.hidden.remove(&group.category) {
            shown.push(group.category.name().to_lowercase());
        }
        if self.names.remove(&(group.category, group.name.clone())) {
            shown.push(group.name.clone());
        }
        Some(if shown.is_empty() {
            "what went well is".to_owned()
        } else {
            shown.join(" and ") + " is"
        })
    }

    /// Carries out an action of facets; what it came to.
    pub fn act(&mut self, action: Action, focused: Option<(Category, &str)>) -> Option<String> {
        let category = match action {
            Action::ToggleTasks => Category::Task,
            Action::ToggleActivities => Category::Activity,
            Action::ToggleTimers => Category::Timer,
            Action::ToggleChildren => Category::Child,
            Action::ToggleSignals => Category::Signal,
            Action::ToggleUpdates => Category::Update,
            Action::ToggleMarkers => Category::Marker,
            Action::OnlyProblems => {
                self.only_problems = !self.only_problems;
                let now = if self.only_problems {
                    "only what went wrong is shown"
                } else {
                    "what went well is shown too"
                };
                return Some(now.to_owned());
            }
            Action::HideName => {
                let (category, name) = focused?;
                self.names.insert((category, name.to_owned()));
                return Some(format!(
                    "{} {name} is hidden; f 0 shows everything",
                    category.name()
                ));
            }
            Action::ShowAll => {
                *self = Self {
                    hidden: BTreeSet::new(),
                    names: BTreeSet::new(),
                    only_problems: false,
                };
                return Some("everything is shown".to_owned());
            }
            _ => return None,
        };
        let name = category.name();
        if self.hidden.remove(&category) {
            Some(format!("{name} is shown"))
        } else {
            self.hidden.insert(category);
            Some(format!("{name} is hidden"))
        }
    }

    /// What is hidden, for the title; empty if it is what is hidden at the beginning.
    pub fn told(&self) -> String {
        let mut parts = Vec::new();
        if self.only_problems {
            parts.push("only problems".to_owned());
        }
        let hidden: Vec<_> = self
            .hidden
            .iter()
            .map(|category| category.name().to_lowercase())
            .collect();
        if !hidden.is_empty() {
            parts.push(format!("hidden: {}", hidden.join(", ")));
        }
        let names: Vec<_> = self.names.iter().map(|(_, name)| name.clone()).collect();
        if !names.is_empty() {
            parts.push(format!("and {}", names.join(", ")));
        }
        parts.join(" · ")
    }
}
