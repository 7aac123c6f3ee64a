//! What text is a list filter at all: words to an expression, with SQL's precedence.
//!
//! ```text
//!   query      := [condition] [GROUP BY columns] [HAVING condition] [ORDER BY columns] [LIMIT n]
//!   condition  := conjunct { OR conjunct }
//!   conjunct   := negation { AND negation }
//!   negation   := NOT negation | predicate { IS [NOT] (NULL | TRUE | FALSE) }
//!   predicate  := operand [ compare operand | [NOT] IN (operand, …) | [NOT] BETWEEN operand AND operand ]
//!   operand    := term { arithmetic term }      term := literal | name | name(…) | ( condition, … ) | sign term
//! ```
//!
//! More is read than any filter may say, so that what is refused is refused by its name.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named is refused alike"
)]

use super::lexer::{Kind, Lexer, Token};

/// Longest filter in bytes; one that is longer is refused before it is read.
pub(super) const MAX_QUERY_BYTES: usize = 256 * 1024;
/// How deep brackets, `NOT` and signs may be nested.
const MAX_NESTING: usize = 200;
/// What Temporal puts before a filter so that it is a statement; positions in its errors count it.
const STATEMENT: usize = "select * from table1 ".len();
const WHERE: usize = "where ".len();

/// An expression, not yet checked against anything.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Paren(Box<Self>),
    Compare(&'static str, Box<Self>, Box<Self>),
    Range {
        negated: bool,
        of: Box<Self>,
        from: Box<Self>,
        to: Box<Self>,
    },
    Is(Box<Self>, Is),
    Name(String),
    Text(String),
    Int(String),
    Float(String),
    Unreadable(String),
    Bool(bool),
    Null,
    Tuple(Vec<Self>),
    Function,
    Sign(char, Box<Self>),
    /// What may not be in a filter, by the name that Temporal's errors have for it.
    Other(&'static str),
}

/// What comes after `IS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Null,
    NotNull,
    /// `TRUE`, `FALSE`, and not these.
    Other,
}

/// A list filter, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Statement {
    pub(super) condition: Option<Expression>,
    pub(super) group_by: Vec<Expression>,
    pub(super) order_by: Vec<Expression>,
    pub(super) limit: bool,
}

impl Expression {
    /// Its name in Temporal's errors.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::And(_) => "*sqlparser.AndExpr",
            Self::Or(_) => "*sqlparser.OrExpr",
            Self::Not(_) => "*sqlparser.NotExpr",
            Self::Paren(_) => "*sqlparser.ParenExpr",
            Self::Compare(..) => "*sqlparser.ComparisonExpr",
            Self::Range { .. } => "*sqlparser.RangeCond",
            Self::Is(..) => "*sqlparser.IsExpr",
            Self::Name(_) => "*sqlparser.ColName",
            Self::Text(_) | Self::Int(_) | Self::Float(_) | Self::Unreadable(_) => {
                "*sqlparser.SQLVal"
            }
            Self::Bool(_) => "sqlparser.BoolVal",
            Self::Null => "*sqlparser.NullVal",
            Self::Tuple(_) => "sqlparser.ValTuple",
            Self::Function => "*sqlparser.FuncExpr",
            Self::Sign(..) => "*sqlparser.UnaryExpr",
            Self::Other(name) => name,
        }
    }
}

/// Reads a filter.
///
/// # Errors
/// Where it stops being one, in Temporal's words and by its count.
pub(super) fn parse(query: &str) -> Result<Statement, String> {
    let query = query.trim();
    if query.len() > MAX_QUERY_BYTES {
        return Err(format!(
            "query of {} bytes exceeds the limit of {MAX_QUERY_BYTES}",
            query.len()
        ));
    }
    let starts = |with: &str| {
        query
            .get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let bare = query.is_empty() || starts("order by") || starts("group by");
    let before = STATEMENT + if bare { 0 } else { WHERE };
    let mut lexer = Lexer::new(query);
    let token = lexer.next();
    let mut parser = Parser {
        lexer,
        token,
        before,
        nesting: 0,
    };
    parser.statement(!bare)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    before: usize,
    nesting: usize,
}

type Parsed<T> = Result<T, String>;

impl<'a> Parser<'a> {
    fn statement(&mut self, conditional: bool) -> Parsed<Statement> {
        let mut statement = Statement::default();
        if conditional {
            statement.condition = Some(self.condition()?);
        }
        if self.eat_word("group") {
            self.expect_word("by")?;
            statement.group_by = self.columns(false)?;
        }
        if self.eat_word("having") {
            self.condition()?;
        }
        if self.eat_word("order") {
            self.expect_word("by")?;
            statement.order_by = self.columns(true)?;
        }
        if self.eat_word("limit") {
            self.operand()?;
            if self.eat_sign(",") {
                self.operand()?;
            }
            statement.limit = true;
        }
        self.eat_sign(";");
        match self.token.kind {
            Kind::End => Ok(statement),
            _ => self.wrong(),
        }
    }

    fn columns(&mut self, directed: bool) -> Parsed<Vec<Expression>> {
        let mut columns = Vec::new();
        loop {
            columns.push(self.condition()?);
            if directed && !self.eat_word("asc") {
                self.eat_word("desc");
            }
            if !self.eat_sign(",") {
                return Ok(columns);
            }
        }
    }

    fn condition(&mut self) -> Parsed<Expression> {
        let first = self.conjunct()?;
        let mut all = vec![first];
        while self.eat_word("or") || self.eat_sign("||") {
            all.push(self.conjunct()?);
        }
        Ok(only(all, Expression::Or))
    }

    fn conjunct(&mut self) -> Parsed<Expression> {
        let first = self.negation()?;
        let mut all = vec![first];
        while self.eat_word("and") || self.eat_sign("&&") {
            all.push(self.negation()?);
        }
        Ok(only(all, Expression::And))
    }

    fn negation(&mut self) -> Parsed<Expression> {
        if self.eat_word("not") {
            let inner = self.nested(Self::negation)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        let mut expression = self.predicate()?;
        while self.eat_word("is") {
            let negated = self.eat_word("not");
            let is = if self.eat_word("null") {
                if negated { Is::NotNull } else { Is::Null }
            } else if self.eat_word("true") || self.eat_word("false") {
                Is::Other
            } else {
                return self.wrong();
            };
            // A second `IS` is refused whatever is before it, which need not be kept.
            let of = match expression {
                Expression::Is(..) => Expression::Other("*sqlparser.IsExpr"),
                other => other,
            };
            expression = Expression::Is(Box::new(of), is);
        }
        Ok(expression)
    }

    fn predicate(&mut self) -> Parsed<Expression> {
        let left = self.operand()?;
        if let Kind::Sign(sign @ ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "<=>")) =
            self.token.kind
        {
            self.advance();
            let operator = if sign == "<>" { "!=" } else { sign };
            let right = self.operand()?;
            return Ok(compare(operator, left, right));
        }
        let negated = self.eat_word("not");
        if self.eat_word("between") {
            let from = self.operand()?;
            self.expect_word("and")?;
            let to = self.operand()?;
            return Ok(Expression::Range {
                negated,
                of: Box::new(left),
                from: Box::new(from),
                to: Box::new(to),
            });
        }
        let operators = [
            ("in", "in", "not in"),
            ("like", "like", "not like"),
            ("regexp", "regexp", "not regexp"),
            ("rlike", "regexp", "not regexp"),
            ("starts_with", "starts_with", "not starts_with"),
        ];
        for (word, plain, not) in operators {
            if !self.eat_word(word) {
                continue;
            }
            let right = if word == "in" {
                self.tuple()?
            } else {
                self.operand()?
            };
            return Ok(compare(if negated { not } else { plain }, left, right));
        }
        if negated { self.wrong() } else { Ok(left) }
    }

    /// What comes after `IN`.
    fn tuple(&mut self) -> Parsed<Expression> {
        if self.token.kind != Kind::Sign("(") {
            return self.wrong();
        }
        match self.brackets()? {
            Expression::Paren(one) => Ok(Expression::Tuple(vec![*one])),
            other => Ok(other),
        }
    }

    fn operand(&mut self) -> Parsed<Expression> {
        let mut left = self.term()?;
        while let Kind::Sign("+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>") =
            self.token.kind
        {
            self.advance();
            self.term()?;
            left = Expression::Other("*sqlparser.BinaryExpr");
        }
        if self.eat_word("collate") {
            self.term()?;
            left = Expression::Other("*sqlparser.CollateExpr");
        }
        Ok(left)
    }

    fn term(&mut self) -> Parsed<Expression> {
        let expression = match &self.token.kind {
            Kind::Text(text) => Expression::Text(text.clone()),
            Kind::Int(digits) => Expression::Int((*digits).to_owned()),
            Kind::Float(digits) => Expression::Float((*digits).to_owned()),
            Kind::Unreadable(text) => Expression::Unreadable((*text).to_owned()),
            Kind::Keyword("true") => Expression::Bool(true),
            Kind::Keyword("false") => Expression::Bool(false),
            Kind::Keyword("null") => Expression::Null,
            Kind::Name(name) => {
                let name = name.clone().into_owned();
                self.advance();
                return self.named(name);
            }
            Kind::Sign("(") => return self.brackets(),
            Kind::Sign(sign @ ("+" | "-" | "!" | "~")) => {
                let sign = sign.chars().next().unwrap_or('-');
                self.advance();
                let inner = self.nested(Self::term)?;
                return Ok(signed(sign, inner));
            }
            Kind::Keyword(_) | Kind::Sign(_) | Kind::Wrong(_) | Kind::End => return self.wrong(),
        };
        self.advance();
        Ok(expression)
    }

    /// A column, perhaps with the names before it, or a function.
    fn named(&mut self, mut name: String) -> Parsed<Expression> {
        while self.eat_sign(".") {
            let Kind::Name(part) = &self.token.kind else {
                return self.wrong();
            };
            name = format!("{name}.{part}");
            self.advance();
        }
        if self.token.kind != Kind::Sign("(") {
            return Ok(Expression::Name(name));
        }
        self.advance();
        if !self.eat_sign(")") {
            if !self.eat_sign("*") {
                self.list()?;
            }
            self.expect_sign(")")?;
        }
        Ok(Expression::Function)
    }

    fn brackets(&mut self) -> Parsed<Expression> {
        self.expect_sign("(")?;
        if self.token.kind == Kind::Keyword("select") {
            return self.subquery();
        }
        let mut inside = self.list()?;
        self.expect_sign(")")?;
        Ok(match (inside.pop(), inside.is_empty()) {
            (Some(one), true) => Expression::Paren(Box::new(one)),
            (Some(last), false) => {
                inside.push(last);
                Expression::Tuple(inside)
            }
            (None, _) => Expression::Tuple(inside),
        })
    }

    /// No filter may have one: it is read up to its closing bracket.
    fn subquery(&mut self) -> Parsed<Expression> {
        let mut open = 1_usize;
        loop {
            match self.token.kind {
                Kind::Sign("(") => open += 1,
                Kind::Sign(")") => open -= 1,
                Kind::End | Kind::Wrong(_) => return self.wrong(),
                _ => {}
            }
            self.advance();
            if open == 0 {
                return Ok(Expression::Other("*sqlparser.Subquery"));
            }
        }
    }

    fn list(&mut self) -> Parsed<Vec<Expression>> {
        let mut all = Vec::new();
        loop {
            all.push(self.nested(Self::condition)?);
            if !self.eat_sign(",") {
                return Ok(all);
            }
        }
    }

    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(format!(
                "max nesting level reached at position {}",
                self.position()
            ));
        }
        let result = inside(self);
        self.nesting -= 1;
        result
    }

    fn advance(&mut self) {
        self.token = self.lexer.next();
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.token.kind, Kind::Keyword(found) if found == word);
        if found {
            self.advance();
        }
        found
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.token.kind, Kind::Sign(found) if found == sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) {
            Ok(())
        } else {
            self.wrong()
        }
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.eat_sign(sign) {
            Ok(())
        } else {
            self.wrong()
        }
    }

    fn position(&self) -> usize {
        self.before + self.token.end + 1
    }

    /// The word in hand cannot stand here.
    fn wrong<T>(&self) -> Parsed<T> {
        let near = match &self.token.kind {
            Kind::Name(name) => name.as_ref(),
            Kind::Keyword(word) => word,
            Kind::Text(text) | Kind::Wrong(text) => text.as_str(),
            Kind::Int(text) | Kind::Float(text) | Kind::Unreadable(text) => text,
            Kind::Sign(_) | Kind::End => "",
        };
        let position = self.position();
        Err(if near.is_empty() {
            format!("syntax error at position {position}")
        } else {
            format!("syntax error at position {position} near '{near}'")
        })
    }
}

fn compare(operator: &'static str, left: Expression, right: Expression) -> Expression {
    Expression::Compare(operator, Box::new(left), Box::new(right))
}

fn only(mut all: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match all.len() {
        1 => all.pop().expect("there is one"),
        _ => several(all),
    }
}

/// A sign before a number is part of it.
fn signed(sign: char, inner: Expression) -> Expression {
    match (sign, inner) {
        ('+', Expression::Int(digits)) => Expression::Int(digits),
        ('+', Expression::Float(digits)) => Expression::Float(digits),
        ('-', Expression::Int(digits)) => Expression::Int(negative(&digits)),
        ('-', Expression::Float(digits)) => Expression::Float(negative(&digits)),
        (sign, inner) => Expression::Sign(sign, Box::new(inner)),
    }
}

fn negative(digits: &str) -> String {
    match digits.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{digits}"),
    }
}
