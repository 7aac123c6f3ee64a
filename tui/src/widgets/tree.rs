//! A JSON document as a tree whose parts fold; lines are made for what is unfolded, and drawn for what is seen.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget;
use serde_json::Value;

use super::{put, window};
use crate::text;

/// Texts of more bytes or more than one line fold.
const LONG: usize = 200;

/// A long line of a text is shown on several lines of so many bytes.
const PIECE: usize = 400;

/// Where in the document a line is: the place of each part within its parent.
type Path = Vec<usize>;

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How deep it is.
    pub depth: u16,
    /// The name, or the place in a list; nothing for a line of a text.
    pub name: Option<String>,
    /// What it is.
    pub value: Shown,
    path: Path,
}

/// What a line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An object or a list, or a long text: how many parts it has, whether it is open, and its beginning.
    Foldable {
        /// Whether its parts follow.
        open: bool,
        /// A short word about it.
        about: String,
    },
    /// A text.
    Text(String),
    /// A number, a truth, or nothing.
    Word(String),
    /// A piece of a long text.
    Piece(String),
}

/// A document and what of it is unfolded.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    value: Value,
    open: BTreeSet<Path>,
    lines: Vec<Line>,
}

impl Tree {
    /// A tree with its first `depth` levels unfolded; long texts are folded.
    pub fn new(value: Value, depth: usize) -> Self {
        let mut tree = Self {
            value,
            open: BTreeSet::new(),
            lines: Vec::new(),
        };
        tree.unfold(depth);
        tree
    }

    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The part of the document at a line.
    pub fn value(&self, line: usize) -> Option<&Value> {
        self.lines
            .get(line)
            .and_then(|line| part(&self.value, &line.path))
    }

    /// The whole document.
    pub const fn document(&self) -> &Value {
        &self.value
    }

    /// Folds or unfolds the part at a line; whether there was something to fold.
    pub fn toggle(&mut self, line: usize) -> bool {
        let Some(line) = self.lines.get(line) else {
            return false;
        };
        let Shown::Foldable { open, .. } = line.value else {
            return false;
        };
        let path = line.path.clone();
        if open {
            self.open.remove(&path);
        } else {
            self.open.insert(path);
        }
        self.flatten();
        true
    }

    /// Folds (or unfolds) the part at a line, if it is not; a line that cannot be folded gives the line of its parent.
    pub fn set_open(&mut self, line: usize, wanted: bool) -> usize {
        let Some(found) = self.lines.get(line) else {
            return line;
        };
        if let Shown::Foldable { open, .. } = found.value
            && open != wanted
        {
            self.toggle(line);
            return line;
        }
        if wanted || found.path.is_empty() {
            return line;
        }
        let depth = found.depth;
        let parent = self.lines[..line]
            .iter()
            .rposition(|above| above.depth < depth);
        parent.unwrap_or(line)
    }

    /// Unfolds so many levels, and folds what is below.
    pub fn unfold(&mut self, depth: usize) {
        self.open.clear();
        open_to(&self.value, depth, &mut Vec::new(), &mut self.open);
        self.flatten();
    }

    fn flatten(&mut self) {
        let mut lines = Vec::new();
        let mut path = Vec::new();
        for (place, name, value) in parts(&self.value) {
            path.push(place);
            flatten(value, Some(name), &mut path, &self.open, &mut lines);
            path.pop();
        }
        if !matches!(self.value, Value::Object(_) | Value::Array(_)) {
            flatten(&self.value, None, &mut path, &self.open, &mut lines);
        }
        self.lines = lines;
    }
}

fn is_long(text: &str) -> bool {
    text.len() > LONG || text.contains('\n')
}

fn open_to(value: &Value, depth: usize, path: &mut Path, open: &mut BTreeSet<Path>) {
    for (place, _, part) in parts(value) {
        path.push(place);
        if depth > 0 && matches!(part, Value::Object(_) | Value::Array(_)) {
            open.insert(path.clone());
            open_to(part, depth - 1, path, open);
        }
        path.pop();
    }
}

/// The parts of a document by their places and names.
fn parts(value: &Value) -> Box<dyn Iterator<Item = (usize, String, &Value)> + '_> {
    match value {
        Value::Object(fields) => Box::new(
            fields
                .iter()
                .enumerate()
                .map(|(place, (name, value))| (place, name.clone(), value)),
        ),
        Value::Array(items) => Box::new(
            items
                .iter()
                .enumerate()
                .map(|(place, value)| (place, place.to_string(), value)),
        ),
        _ => Box::new(std::iter::empty()),
    }
}

fn part<'a>(value: &'a Value, path: &[usize]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, place| match value {
        Value::Object(fields) => fields.values().nth(*place),
        Value::Array(items) => items.get(*place),
        _ => None,
    })
}

fn flatten(
    value: &Value,
    name: Option<String>,
    path: &mut Path,
    open: &BTreeSet<Path>,
    lines: &mut Vec<Line>,
) {
    let depth = u16::try_from(path.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let is_open = open.contains(path);
    let shown = match value {
        Value::String(text) if is_long(text) => Shown::Foldable {
            open: is_open,
            about: about_text(text),
        },
        Value::String(text) => Shown::Text(text.clone()),
        Value::Object(fields) if fields.is_empty() => Shown::Word("{}".to_owned()),
        Value::Array(items) if items.is_empty() => Shown::Word("[]".to_owned()),
        Value::Object(_) | Value::Array(_) => Shown::Foldable {
            open: is_open,
            about: about(value),
        },
        other => Shown::Word(other.to_string()),
    };
    let foldable = matches!(shown, Shown::Foldable { .. });
    lines.push(Line {
        depth,
        name,
        value: shown,
        path: path.clone(),
    });
    if !foldable || !is_open {
        return;
    }
    if let Value::String(text) = value {
        lines.extend(text::lines(text, PIECE).map(|piece| Line {
            depth: depth + 1,
            name: None,
            value: Shown::Piece(piece.to_owned()),
            path: path.clone(),
        }));
    }
    for (place, name, value) in parts(value) {
        path.push(place);
        flatten(value, Some(name), path, open, lines);
        path.pop();
    }
}

fn about_text(text: &str) -> String {
    let (head, _) = text::head(text.trim_start(), 60);
    let head = head.lines().next().unwrap_or_default();
    let lines = if text.len() < 1 << 20 {
        text.lines().count()
    } else {
        0
    };
    let size = match lines {
        0 | 1 => text::bytes(text.len()),
        lines => format!("{lines} lines"),
    };
    format!("\"{head}… {size}")
}

/// A document on a line, short.
fn about(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let names: Vec<&str> = fields.keys().take(4).map(String::as_str).collect();
            let more = if fields.len() > names.len() {
                ", …"
            } else {
                ""
            };
            format!("{{{}{more}}}", names.join(", "))
        }
        Value::Array(items) if items.len() == 1 => "[1 item]".to_owned(),
        Value::Array(items) => format!("[{} items]", items.len()),
        other => other.to_string(),
    }
}

/// What the parts of a tree look like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Names.
    pub name: Style,
    /// Texts.
    pub text: Style,
    /// Numbers, truths and nothing.
    pub word: Style,
    /// What says that something is folded.
    pub muted: Style,
    /// The selected line.
    pub selected: Style,
    /// What stands before an open and a folded part, two cells each.
    pub folds: (&'static str, &'static str),
}

/// Draws lines of a tree; its state is the number of the first line that is seen.
#[derive(Debug)]
pub struct TreeView<'a> {
    /// The lines.
    pub lines: &'a [Line],
    /// The selected line.
    pub selected: Option<usize>,
    /// What it looks like.
    pub look: Look,
}

impl StatefulWidget for TreeView<'_> {
    type State = usize;

    fn render(self, area: Rect, buf: &mut Buffer, offset: &mut usize) {
        let area = area.intersection(buf.area);
        let seen = window(offset, self.selected, self.lines.len(), area.height);
        for (index, y) in seen.zip(area.y..) {
            let row = Rect::new(area.x, y, area.width, 1);
            line(&self.lines[index], row, buf, &self.look);
            if self.selected == Some(index) {
                buf.set_style(row, self.look.selected);
            }
        }
    }
}

/// Draws one line.
pub fn line(line: &Line, row: Rect, buf: &mut Buffer, look: &Look) {
    let mut x = row
        .x
        .saturating_add(line.depth.saturating_mul(2).min(row.width / 2));
    let mut push = |text: &str, style: Style| x += put(buf, row, (x, row.y), text, style);
    let foldable = match &line.value {
        Shown::Foldable { open: true, .. } => look.folds.0,
        Shown::Foldable { open: false, .. } => look.folds.1,
        _ => "  ",
    };
    push(foldable, look.muted);
    if let Some(name) = &line.name {
        push(name, look.name);
        push("  ", look.muted);
    }
    match &line.value {
        Shown::Foldable { open: true, .. } => {}
        Shown::Foldable { about, .. } => push(about, look.muted),
        Shown::Text(text) => {
            push("\"", look.text);
            push(text, look.text);
            push("\"", look.text);
        }
        Shown::Word(word) => push(word, look.word),
        Shown::Piece(piece) => push(piece, look.text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(tree: &Tree, width: u16) -> Buffer {
        let height = super::super::small(tree.lines().len());
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let look = Look {
            folds: ("v ", "> "),
            ..Look::default()
        };
        let view = TreeView {
            lines: tree.lines(),
            selected: None,
            look,
        };
        view.render(buf.area, &mut buf, &mut 0);
        buf
    }

    #[test]
    fn parts_fold_and_unfold() {
        let mut tree = Tree::new(json!({"a": 1, "b": {"c": "x", "d": []}, "e": [1, 2]}), 1);
        let expected = [
            "  a  1          ",
            "v b             ",
            "    c  \"x\"      ",
            "    d  []       ",
            "v e             ",
            "    0  1        ",
            "    1  2        ",
        ];
        assert_eq!(shown(&tree, 16), Buffer::with_lines(expected));
        assert!(tree.toggle(1));
        assert!(!tree.toggle(0));
        let expected = [
            "  a  1          ",
            "> b  {c, d}     ",
            "v e             ",
            "    0  1        ",
            "    1  2        ",
        ];
        assert_eq!(shown(&tree, 16), Buffer::with_lines(expected));
        assert_eq!(tree.value(3), Some(&json!(1)));
        assert_eq!(tree.set_open(3, false), 2);
        tree.unfold(0);
        assert_eq!(tree.lines().len(), 3);
    }

    #[test]
    fn long_texts_fold_and_are_cut_into_lines() {
        let mut tree = Tree::new(
            json!({"trace": "at a\nat b\nat c", "blob": "x".repeat(1000)}),
            3,
        );
        assert_eq!(tree.lines().len(), 2);
        assert!(tree.toggle(1));
        assert_eq!(tree.lines().len(), 5);
        assert!(tree.toggle(0));
        assert_eq!(tree.lines().len(), 8);
        shown(&tree, 30);
        shown(&tree, 1);
    }

    #[test]
    fn a_bare_value_is_one_line() {
        assert_eq!(Tree::new(json!("x"), 1).lines().len(), 1);
        assert_eq!(Tree::new(Value::Null, 1).lines().len(), 1);
    }
}
