//! Names for the reasons and the subjects of chance.

use std::fmt;
use std::str::FromStr;

use super::NodeId;
use super::hash::name_hash;

/// Why something is chosen: one constant per reason, declared with [`labels!`](crate::labels).
///
/// The index makes the lookup of a stream an array access; the name is what logs and repro files
/// hold and what the stream is keyed by, so adding or renumbering labels reshuffles nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    index: u16,
    name: &'static str,
    key: u64,
}

impl Label {
    /// A label. Indices below 64 are the kernel's own; two labels never share one.
    pub const fn new(index: u16, name: &'static str) -> Self {
        Self {
            index,
            name,
            key: name_hash(name),
        }
    }

    /// The name that logs show.
    pub const fn name(self) -> &'static str {
        self.name
    }

    pub(crate) const fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) const fn key(self) -> u64 {
        self.key
    }
}

/// Declares consecutive [`Label`] constants, from a first index on.
///
/// ```
/// steadfast_sim::labels! { 64;
///     /// Whether the worker's cache is dropped before a task.
///     pub EVICT = "worker.evict";
///     /// Where in a batch the engine dies.
///     pub CRASH_AT = "engine.crash-at";
/// }
/// assert_eq!(CRASH_AT.name(), "engine.crash-at");
/// ```
#[macro_export]
macro_rules! labels {
    ($index:expr;) => {};
    ($index:expr; $(#[$meta:meta])* $vis:vis $name:ident = $text:literal; $($rest:tt)*) => {
        $(#[$meta])*
        $vis const $name: $crate::kernel::Label = $crate::kernel::Label::new($index, $text);
        $crate::labels! { $index + 1; $($rest)* }
    };
}

/// Whom a choice is about: a node, a part of one, a directed link, or any number of 62 bits that
/// the caller gives meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(u64);

impl Entity {
    /// The world as a whole.
    pub const WORLD: Self = Self(0);
    const LINK: u64 = 1 << 63;
    const PART: u64 = 1 << 62;

    /// The link from one node to another.
    pub const fn link(from: NodeId, to: NodeId) -> Self {
        Self(Self::LINK | (from.0 as u64) << 31 | to.0 as u64)
    }

    /// A numbered part or aspect of a node.
    pub const fn part(node: NodeId, part: u16) -> Self {
        Self(Self::PART | (node.0 as u64) << 16 | part as u64)
    }

    /// The number behind it.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

impl From<NodeId> for Entity {
    fn from(node: NodeId) -> Self {
        Self(u64::from(node.0))
    }
}

impl From<u64> for Entity {
    /// The two highest bits say what kind of entity it is, so a number cannot have them.
    fn from(raw: u64) -> Self {
        Self(raw & !(Self::LINK | Self::PART))
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & Self::LINK != 0 {
            let rest = self.0 & !Self::LINK;
            return write!(f, "{}>{}", rest >> 31, rest & ((1 << 31) - 1));
        }
        if self.0 & Self::PART != 0 {
            let rest = self.0 & !Self::PART;
            return write!(f, "{}.{}", rest >> 16, rest & ((1 << 16) - 1));
        }
        write!(f, "{}", self.0)
    }
}

impl FromStr for Entity {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((from, to)) = text.split_once('>') {
            return Ok(Self::link(NodeId(from.parse()?), NodeId(to.parse()?)));
        }
        match text.split_once('.') {
            Some((node, part)) => Ok(Self::part(NodeId(node.parse()?), part.parse()?)),
            None => text.parse().map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_read_back() {
        for entity in [
            Entity::WORLD,
            Entity(17),
            Entity::link(NodeId(3), NodeId(12)),
            Entity::part(NodeId(3), 12),
        ] {
            assert_eq!(entity.to_string().parse(), Ok(entity));
        }
    }
}
