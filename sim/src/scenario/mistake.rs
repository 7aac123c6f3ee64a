//! What is wrong with a scenario file, where, and how to mend it.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One mistake in a scenario file. It is a [`Diagnostic`]: printed with the lines it is about.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// What is wrong, in a sentence.
    pub message: String,
    /// What stands at the place.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The place, as bytes of the file.
    pub span: Range<usize>,
    source: Arc<NamedSource<String>>,
}

impl Mistake {
    /// The name of the file.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// Line and column of the place, from 1; columns count characters.
    pub fn position(&self) -> (usize, usize) {
        let text = self.source.inner();
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Everything that is wrong with one scenario file, in the order of its lines; never empty.
#[derive(Clone, Debug)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            let (line, column) = mistake.position();
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}:{column}: {mistake}", mistake.file())?;
            if let Some(help) = &mistake.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl Error for Mistakes {}

/// Collects the mistakes of one file.
#[derive(Debug)]
pub(super) struct Log {
    source: Arc<NamedSource<String>>,
    mistakes: Vec<Mistake>,
}

impl Log {
    pub(super) fn new(file: &str, text: &str) -> Self {
        let source = Arc::new(NamedSource::new(file, text.to_owned()));
        Self {
            source,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn text(&self) -> &str {
        self.source.inner()
    }

    /// Notes a mistake.
    pub(super) fn wrong(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        let (message, label) = (message.into(), label.into());
        let source = Arc::clone(&self.source);
        let span = self.tidy(span);
        self.mistakes.push(Mistake {
            message,
            label,
            help,
            span,
            source,
        });
    }

    /// A span that lies inside of the text and on character boundaries.
    fn tidy(&self, span: Range<usize>) -> Range<usize> {
        let text = self.source.inner();
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let end = text.floor_char_boundary(span.end.clamp(start, text.len()));
        start..end
    }

    /// The result, unless something was wrong.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, Mistakes> {
        if self.mistakes.is_empty() {
            if let Some(result) = result {
                return Ok(result);
            }
            self.wrong(0..0, "this is no scenario", "here", None);
        }
        self.mistakes
            .sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        Err(Mistakes(self.mistakes))
    }
}

/// Of the known names, the one that was probably meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, best) = scored.min()?;
    let longest = name.chars().count().max(best.chars().count());
    (distance <= 1 + longest / 4).then_some(best)
}

/// "did you mean X?", or what there is.
pub(super) fn did_you_mean<'a>(
    name: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(best) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{best}`?"));
    }
    let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match known.is_empty() {
        true => Some(format!("there is no {what} here")),
        false => Some(format!("there is {}", known.join(", "))),
    }
}
