//! Finds the events in the text of a history without reading them: what lies between the brackets of the list of events.

/// The texts of the events of a document, in order; then perhaps what is wrong with it.
#[derive(Debug)]
pub(super) struct Events<'a> {
    text: &'a str,
    at: usize,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Before,
    Within,
    Over,
}

/// Deeper documents are refused.
const DEEPEST: usize = 512;

impl<'a> Events<'a> {
    /// The events of a document.
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            text,
            at: 0,
            state: State::Before,
        }
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn wrong(&self, what: &str) -> String {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: {what}")
    }

    fn cut_short(&self) -> String {
        self.wrong("the document is cut short: export it again")
    }

    /// Goes to the first event: into a bare list, or the list called `events`, perhaps within `history`.
    fn open(&mut self) -> Result<(), String> {
        loop {
            match self.peek() {
                None if self.text.trim().is_empty() => {
                    return Err("the document is empty".to_owned());
                }
                None => return Err(self.cut_short()),
                Some(b'[') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'{') => {
                    self.at += 1;
                    self.find_list()?;
                }
                Some(_) => {
                    return Err(
                        self.wrong("not a history: neither an object with `events` nor a list")
                    );
                }
            }
        }
    }

    /// Within an object: goes to the value of `events` or `history`, over all else.
    fn find_list(&mut self) -> Result<(), String> {
        loop {
            match self.peek() {
                None => return Err(self.cut_short()),
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let name = self.value()?;
                    if self.peek() != Some(b':') {
                        return Err(self.wrong("expected `:`"));
                    }
                    self.at += 1;
                    let wanted = matches!(name, "\"events\"" | "\"history\"");
                    if wanted && matches!(self.peek(), Some(b'[' | b'{')) {
                        return Ok(());
                    }
                    self.value()?;
                }
                Some(b'}') => return Err("not a history: it has no `events`".to_owned()),
                Some(_) => return Err(self.wrong("expected a name")),
            }
        }
    }

    /// The text of the value that comes next.
    fn value(&mut self) -> Result<&'a str, String> {
        let start = match self.peek() {
            Some(_) => self.at,
            None => return Err(self.cut_short()),
        };
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.string()?;
                    if depth == 0 {
                        return Ok(&self.text[start..self.at]);
                    }
                    continue;
                }
                b'{' | b'[' if depth == DEEPEST => return Err(self.wrong("nested too deep")),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Ok(&self.text[start..self.at]),
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(&self.text[start..self.at]);
                    }
                }
                b',' if depth == 0 => return Ok(&self.text[start..self.at]),
                _ => {}
            }
            self.at += 1;
        }
        Err(self.cut_short())
    }

    fn string(&mut self) -> Result<(), String> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 2,
                b'"' => {
                    self.at = at + 1;
                    return Ok(());
                }
                _ => at += 1,
            }
        }
        self.at = bytes.len();
        Err(self.cut_short())
    }

    fn step(&mut self) -> Result<Option<&'a str>, String> {
        if self.state == State::Before {
            self.open()?;
            self.state = State::Within;
        }
        loop {
            match self.peek() {
                None => return Err(self.cut_short()),
                Some(b']') => return Ok(None),
                Some(b',') => self.at += 1,
                Some(b'}' | b':') => return Err(self.wrong("expected an event")),
                Some(_) => return self.value().map(Some),
            }
        }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<&'a str, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Over {
            return None;
        }
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.state = State::Over;
        }
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Result<Vec<&str>, String> {
        Events::new(text).collect()
    }

    #[test]
    fn every_form_of_export_is_understood() {
        let two = Ok(vec![r#"{"a":"]}"}"#, r#"{"b":[1]}"#]);
        for text in [
            r#"[{"a":"]}"},{"b":[1]}]"#,
            r#" {"events": [ {"a":"]}"} , {"b":[1]} ] } "#,
            r#"{"history":{"x":{"events":[7]},"events":[{"a":"]}"},{"b":[1]}]},"archived":false}"#,
            "\u{feff}{\"nextPageToken\":null,\"history\":{\"events\":[{\"a\":\"]}\"},{\"b\":[1]}]}}",
        ] {
            assert_eq!(all(text), two, "{text}");
        }
        assert_eq!(all(r#"{"events":[]}"#), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "empty"),
            ("{\"a\":1}", "no `events`"),
            ("12", "neither"),
            ("{\"events\":[{\"a\":1}", "cut short"),
            ("{\"events\":[{\"a\":\"", "cut short"),
            ("{\"events\"", "expected `:`"),
            ("[}", "expected an event"),
        ] {
            let error = all(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(
            all(&"[".repeat(100_000))
                .expect_err("deep")
                .contains("deep")
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r#"[\[\]{}",:\\a1 ]{0,60}"#) {
            let _ends: usize = Events::new(&text).count();
        }

        #[test]
        fn events_are_what_a_reader_of_json_finds(texts in prop::collection::vec("\\PC{0,12}", 0..8)) {
            let events: Vec<_> = texts.iter().map(|text| serde_json::json!({"t": text, "l": [[text]]})).collect();
            let document = serde_json::json!({"x": {"y": []}, "events": events}).to_string();
            let found: Vec<serde_json::Value> = Events::new(&document)
                .map(|event| serde_json::from_str(event.expect("it is whole")).expect("it is JSON"))
                .collect();
            prop_assert_eq!(found, events);
        }
    }
}
