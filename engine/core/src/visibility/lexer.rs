//! The words of a list filter: Temporal's SQL, which is MySQL's.

use std::borrow::Cow;

/// One word, and where it ends in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) end: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A name, quoted or not.
    Name(Cow<'a, str>),
    /// A reserved word, in lower case.
    Keyword(&'static str),
    /// A text in quotes.
    Text(String),
    /// A whole number without sign.
    Int(&'a str),
    /// A number with a fraction or an exponent, without sign.
    Float(&'a str),
    /// A number with a base before it, or a placeholder: no filter may have one.
    Unreadable(&'a str),
    /// An operator or a bracket.
    Sign(&'static str),
    /// Nothing that the language has; what there was of it.
    Wrong(String),
    /// The end of the text.
    End,
}

/// The words that are no names unless they are in backquotes.
const KEYWORDS: [&str; 40] = [
    "and", "as", "asc", "between", "binary", "by", "case", "collate", "default", "desc", "div",
    "else", "end", "exists", "false", "for", "from", "group", "having", "in", "interval", "is",
    "join", "like", "limit", "mod", "not", "null", "on", "or", "order", "regexp", "rlike",
    "select", "then", "true", "union", "when", "where", "xor",
];
/// Words that are keywords only where an operator may stand.
const OPERATORS: [&str; 3] = ["starts_with", "drop", "update"];

/// The keyword that a word is, if it is one.
pub(super) fn keyword(word: &str) -> Option<&'static str> {
    KEYWORDS
        .iter()
        .chain(&OPERATORS)
        .find(|keyword| keyword.eq_ignore_ascii_case(word))
        .copied()
}

/// Takes words off the front of a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// Longer ones first.
const SIGNS: [&str; 25] = [
    "<=>", "<=", ">=", "<>", "<<", "!=", ">>", "&&", "||", "=", "<", ">", "(", ")", ",", ".", ";",
    "+", "-", "*", "/", "%", "&", "|", "^",
];

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word; at the end, the end again and again.
    pub(super) fn next(&mut self) -> Token<'a> {
        self.skip_blanks();
        let kind = self.kind();
        Token { kind, end: self.at }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.trim_start_matches([' ', '\n', '\r', '\t']);
            self.at += rest.len() - blank.len();
            let comment = if blank.starts_with("--") || blank.starts_with('#') {
                blank.find('\n').unwrap_or(blank.len())
            } else if let Some(inside) = blank.strip_prefix("/*") {
                match inside.find("*/") {
                    Some(length) => length + 4,
                    None => return,
                }
            } else {
                return;
            };
            self.at += comment;
        }
    }

    fn kind(&mut self) -> Kind<'a> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Kind::End;
        };
        match first {
            '\'' | '"' => self.text_in(first),
            '`' => self.name_in_backquotes(),
            '0'..='9' => self.number(),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            'a'..='z' | 'A'..='Z' | '_' | '@' => self.word(),
            ':' => {
                let length = 1 + word_length(&rest[1..]);
                self.take(length, Kind::Unreadable)
            }
            '?' => {
                self.at += 1;
                Kind::Unreadable(":v1")
            }
            '~' | '!' if !rest.starts_with("!=") => {
                self.at += 1;
                Kind::Sign(if first == '~' { "~" } else { "!" })
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Kind::Sign(sign)
                }
                None => {
                    self.at += first.len_utf8();
                    Kind::Wrong(String::new())
                }
            },
        }
    }

    fn take(&mut self, length: usize, kind: impl FnOnce(&'a str) -> Kind<'a>) -> Kind<'a> {
        let taken = &self.rest()[..length];
        self.at += length;
        kind(taken)
    }

    fn word(&mut self) -> Kind<'a> {
        let rest = self.rest();
        let length = word_length(rest);
        let quoted = rest[length..].starts_with('\'');
        if quoted && matches!(&rest[..length], "x" | "X") {
            return self.hexadecimal();
        }
        self.take(length, |word| match keyword(word) {
            Some(keyword) => Kind::Keyword(keyword),
            None => Kind::Name(Cow::Borrowed(word)),
        })
    }

    /// `x'61'`; Temporal reads the digits as decimal ones.
    fn hexadecimal(&mut self) -> Kind<'a> {
        let digits = &self.rest()[2..];
        match digits.find('\'') {
            Some(length) => self.take(length + 3, |all| Kind::Int(&all[2..all.len() - 1])),
            None => {
                self.at = self.text.len();
                Kind::Wrong(digits.to_owned())
            }
        }
    }

    fn number(&mut self) -> Kind<'a> {
        let rest = self.rest();
        if rest.starts_with("0x") || rest.starts_with("0X") {
            let hex = |c: char| c.is_ascii_hexdigit();
            let length = 2 + rest[2..].find(|c| !hex(c)).unwrap_or(rest.len() - 2);
            return self.take(length, Kind::Unreadable);
        }
        let digits = |from: usize| {
            let tail = rest.get(from..).unwrap_or_default();
            let length = tail.find(|c: char| !c.is_ascii_digit());
            from + length.unwrap_or(tail.len())
        };
        let mut end = digits(0);
        let mut whole = true;
        if rest[end..].starts_with('.') {
            whole = false;
            end = digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            whole = false;
            end = digits(end + 1 + sign);
        }
        self.take(end, if whole { Kind::Int } else { Kind::Float })
    }

    /// The quote is doubled, or escaped with a backslash, inside of it.
    fn text_in(&mut self, quote: char) -> Kind<'a> {
        self.at += 1;
        let mut text = String::new();
        let rest = self.rest();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                if chars.next_if(|(_, next)| *next == quote).is_none() {
                    self.at += at + 1;
                    return Kind::Text(text);
                }
                text.push(quote);
            } else if c == '\\' {
                match chars.next() {
                    Some((_, escaped)) => text.push(unescaped(escaped)),
                    None => break,
                }
            } else {
                text.push(c);
            }
        }
        self.at = self.text.len();
        Kind::Wrong(text)
    }

    fn name_in_backquotes(&mut self) -> Kind<'a> {
        self.at += 1;
        let rest = self.rest();
        match rest.find('`') {
            Some(0) => Kind::Wrong(String::new()),
            Some(length) => {
                self.at += length + 1;
                Kind::Name(Cow::Borrowed(&rest[..length]))
            }
            None => {
                self.at = self.text.len();
                Kind::Wrong(rest.to_owned())
            }
        }
    }
}

fn word_length(text: &str) -> usize {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// What a backslash and a character stand for.
fn unescaped(c: char) -> char {
    match c {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        other => other,
    }
}
