//! What expressions are about: the shape of a [`View`](crate::scenario::View), field by field.

use std::fmt;

/// The type of a value in an expression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    Int,
    Double,
    String,
    Any,
    List(&'static Self),
    Map(&'static Self),
    Object(&'static Shape),
}

/// A type found by checking.
#[derive(Clone, Debug)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    String,
    Null,
    /// Anything: JSON of the workflows' own making.
    Any,
    List(Box<Self>),
    Map(Box<Self>),
    Object(&'static Shape),
}

impl From<Known> for Type {
    fn from(known: Known) -> Self {
        match known {
            Known::Int => Self::Int,
            Known::Double => Self::Double,
            Known::String => Self::String,
            Known::Any => Self::Any,
            Known::List(of) => Self::List(Box::new((*of).into())),
            Known::Map(of) => Self::Map(Box::new((*of).into())),
            Known::Object(shape) => Self::Object(shape),
        }
    }
}

impl Type {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// Whether a value of this type may equal one of the other.
    pub(super) fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::Int | Self::Double, Self::Int | Self::Double) => true,
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.may_equal(b),
            (Self::Map(_) | Self::Object(_), Self::Map(_) | Self::Object(_)) => true,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }

    /// What both branches of a choice are.
    pub(super) fn join(self, other: &Self) -> Self {
        match (self, other) {
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)),
            (Self::Object(a), Self::Object(b)) if a.name == b.name => Self::Object(a),
            (a, b) if std::mem::discriminant(&a) == std::mem::discriminant(b) => a,
            _ => Self::Any,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int => f.write_str("a whole number"),
            Self::Double => f.write_str("a number"),
            Self::String => f.write_str("a text"),
            Self::Null => f.write_str("null"),
            Self::Any => f.write_str("anything"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
            Self::Object(shape) => f.write_str(shape.name),
        }
    }
}

/// A kind of object that expressions see.
#[derive(Debug)]
pub struct Shape {
    /// What messages call it.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [FieldDoc],
}

/// A field of an object, or a variable.
#[derive(Debug)]
pub struct FieldDoc {
    /// Its name.
    pub name: &'static str,
    pub(super) known: Known,
}

impl FieldDoc {
    const fn new(name: &'static str, known: Known) -> Self {
        Self { name, known }
    }

    /// The object that it is or holds, if it does.
    pub const fn shape(&self) -> Option<&'static Shape> {
        match self.known {
            Known::Object(shape) => Some(shape),
            Known::List(Known::Object(shape)) => Some(*shape),
            _ => None,
        }
    }
}

/// The variables of every expression.
pub const VARIABLES: &[FieldDoc] = &[
    FieldDoc::new("runs", Known::List(&Known::Object(&RUN))),
    FieldDoc::new("ledger", Known::Object(&LEDGER)),
    FieldDoc::new("time", Known::Object(&TIME)),
    FieldDoc::new("faults", Known::Object(&FAULTS)),
];

const RUN: Shape = Shape {
    name: "a run",
    fields: &[
        FieldDoc::new("workflow_id", Known::String),
        FieldDoc::new("run_id", Known::String),
        FieldDoc::new("workflow", Known::String),
        FieldDoc::new("status", Known::String),
        FieldDoc::new("parent", Known::String),
        FieldDoc::new("attempt", Known::Int),
        FieldDoc::new("result", Known::Any),
        FieldDoc::new("failure", Known::String),
        FieldDoc::new("events", Known::Int),
        FieldDoc::new("counts", Known::Map(&Known::Int)),
        FieldDoc::new("signals", Known::Map(&Known::Int)),
        FieldDoc::new("started", Known::Double),
        FieldDoc::new("closed", Known::Double),
    ],
};

const LEDGER: Shape = Shape {
    name: "the ledger",
    fields: &[
        FieldDoc::new("entries", Known::List(&Known::Object(&ENTRY))),
        FieldDoc::new("balances", Known::Map(&Known::Int)),
    ],
};

const ENTRY: Shape = Shape {
    name: "an entry of the ledger",
    fields: &[
        FieldDoc::new("id", Known::Int),
        FieldDoc::new("service", Known::String),
        FieldDoc::new("operation", Known::String),
        FieldDoc::new("key", Known::String),
        FieldDoc::new("workflow_id", Known::String),
        FieldDoc::new("attempt", Known::Int),
        FieldDoc::new("kind", Known::String),
        FieldDoc::new("undoes", Known::Int),
        FieldDoc::new("amounts", Known::Map(&Known::Int)),
        FieldDoc::new("at", Known::Double),
    ],
};

const TIME: Shape = Shape {
    name: "time",
    fields: &[
        FieldDoc::new("elapsed", Known::Double),
        FieldDoc::new("storm", Known::Double),
        FieldDoc::new("calm", Known::Double),
    ],
};

const FAULTS: Shape = Shape {
    name: "faults",
    fields: &[
        FieldDoc::new("total", Known::Int),
        FieldDoc::new("by_class", Known::Map(&Known::Int)),
    ],
};

/// The functions and macros that expressions may use.
pub const FUNCTIONS: &[&str] = &[
    "all",
    "contains",
    "double",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "has",
    "int",
    "map",
    "matches",
    "size",
    "startsWith",
    "string",
    "sum",
];
