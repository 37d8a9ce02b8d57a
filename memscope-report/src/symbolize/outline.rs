//! Which modules, types and functions of a source file stand around a line.
//!
//! Rust is read just far enough to match braces: texts, comments and characters are passed over, and an opening brace
//! belongs to the `mod`, `fn`, `impl` or `trait` that was announced before it. Code that macros make is not seen.

/// An item with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    name: String,
    is_function: bool,
    first_line: u32,
    last_line: u32,
    /// The item around it.
    parent: Option<usize>,
}

/// The items of a file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Outer items before inner ones.
    items: Vec<Item>,
}

impl Outline {
    /// What is in a file with that text.
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader { rest: text, line: 1 };
        let mut parser = Parser::default();
        while let Some(token) = reader.next() {
            parser.take(&token, reader.line);
        }
        parser.outline
    }

    /// The path inside the file of the function `name`, or of what is written inside a function (`{closure#0}`), at
    /// `line`: `deep::Index::push`. `None` where no such function stands around the line: the text is not that
    /// of the binary, or a macro made it.
    pub(super) fn path_at(&self, line: u32, name: &str) -> Option<String> {
        let is_part = name.starts_with('{');
        let around = |item: &Item| {
            item.is_function
                && (item.first_line..=item.last_line).contains(&line)
                && (is_part || item.name == name)
        };
        let mut at = self.items.iter().rposition(around)?;
        let mut path = if is_part { name.to_owned() } else { String::new() };
        loop {
            let item = &self.items[at];
            // `impl $($what)+` in a macro has no name that could stand in a path.
            if !path.is_empty() && !item.name.is_empty() {
                path.insert_str(0, "::");
            }
            path.insert_str(0, &item.name);
            match item.parent {
                Some(parent) => at = parent,
                None => return Some(path),
            }
        }
    }
}

/// What braces are matched by.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(char),
}

/// What was announced and has no body yet.
#[derive(Debug)]
enum Pending {
    /// `mod`, `fn` or `trait`, and soon a name.
    Named { is_function: bool, name: Option<String>, line: u32 },
    /// `impl`, and the type so far: the last word outside of angle brackets.
    Impl { name: String, depth: u32, is_closed: bool, line: u32 },
}

#[derive(Debug, Default)]
struct Parser {
    outline: Outline,
    /// For each open brace its item, if it has one.
    open: Vec<Option<usize>>,
    pending: Option<Pending>,
    /// Open parentheses and brackets.
    nesting: u32,
}

impl Parser {
    fn take(&mut self, token: &Token<'_>, line: u32) {
        match token {
            Token::Sign('{') => self.open(),
            Token::Sign('}') => {
                if let Some(Some(item)) = self.open.pop() {
                    self.outline.items[item].last_line = line;
                }
            }
            Token::Sign('(' | '[') => self.nesting += 1,
            Token::Sign(')' | ']') => self.nesting = self.nesting.saturating_sub(1),
            // `mod x;`, or a trait's function without a body; not the `;` of `[u8; 4]`.
            Token::Sign(';') if self.nesting == 0 => self.pending = None,
            token => self.announce(token, line),
        }
    }

    /// Gives the brace that opens here to what was announced.
    fn open(&mut self) {
        let (name, is_function, first_line) = match self.pending.take() {
            Some(Pending::Named { is_function, name: Some(name), line }) => (name, is_function, line),
            Some(Pending::Impl { name, line, .. }) => (name, false, line),
            _ => return self.open.push(None),
        };
        let parent = self.open.iter().rev().find_map(|item| *item);
        self.open.push(Some(self.outline.items.len()));
        self.outline.items.push(Item { name, is_function, first_line, last_line: u32::MAX, parent });
    }

    fn announce(&mut self, token: &Token<'_>, line: u32) {
        match (&mut self.pending, token) {
            (Some(Pending::Named { name: name @ None, .. }), Token::Word(word)) => {
                *name = Some((*word).to_owned())
            }
            // `fn(u32)` is a type.
            (Some(Pending::Named { name: None, .. }), _) => self.pending = None,
            (Some(Pending::Impl { name, depth, is_closed, .. }), token) => match token {
                Token::Sign('<') => *depth += 1,
                Token::Sign('>') => *depth = depth.saturating_sub(1),
                Token::Word("where") => *is_closed = true,
                Token::Word("for" | "dyn" | "mut" | "const" | "unsafe") => {}
                Token::Word(word) if *depth == 0 && self.nesting == 0 && !*is_closed => {
                    *name = (*word).to_owned()
                }
                _ => {}
            },
            (None, Token::Word(word @ ("mod" | "fn" | "trait"))) => {
                self.pending = Some(Pending::Named { is_function: *word == "fn", name: None, line });
            }
            // In a function's signature `impl` is a type.
            (None, Token::Word("impl")) if self.nesting == 0 => {
                self.pending = Some(Pending::Impl { name: String::new(), depth: 0, is_closed: false, line });
            }
            _ => {}
        }
    }
}

/// Takes a file apart.
struct Reader<'a> {
    rest: &'a str,
    /// The line of what was read last.
    line: u32,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = self.rest.chars().next()?;
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(end);
            } else if self.rest.starts_with("/*") {
                self.skip_comment();
            } else if first == '"' {
                self.skip(1);
                self.skip_text();
            } else if first == '\'' {
                self.skip_character();
            } else if first.is_alphabetic() || first == '_' {
                if let Some(word) = self.word() {
                    return Some(Token::Word(word));
                }
            } else if self.rest.starts_with("->") || self.rest.starts_with("=>") {
                // Their `>` closes nothing.
                self.skip(2);
            } else {
                self.skip(first.len_utf8());
                if first.is_ascii_punctuation() {
                    return Some(Token::Sign(first));
                }
                if first.is_ascii_digit() {
                    let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                    self.skip(end.unwrap_or(self.rest.len()));
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.bytes().filter(|&byte| byte == b'\n').count() as u32;
        self.rest = rest;
    }

    /// A word; `None` where it was the beginning of a text (`r"..."`, `b'x'`), which is behind then.
    fn word(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.skip(end);
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        match word {
            "r" | "br" | "cr" if self.rest[hashes..].starts_with('"') => {
                let closing = format!("\"{}", "#".repeat(hashes));
                self.skip(hashes + 1);
                let end = self.rest.find(&closing).map_or(self.rest.len(), |at| at + closing.len());
                self.skip(end);
                None
            }
            // `r#fn` is a name like any other.
            "r" if hashes == 1 => {
                self.skip(1);
                self.word();
                None
            }
            _ => Some(word),
        }
    }

    /// Behind the closing quotation mark.
    fn skip_text(&mut self) {
        let mut is_escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let closes = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            closes
        });
        self.skip(end.map_or(self.rest.len(), |at| at + 1));
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else {
                match self.rest.chars().next() {
                    Some(next) => self.skip(next.len_utf8()),
                    None => return,
                }
            }
        }
    }

    /// A character, or the mark of a lifetime.
    fn skip_character(&mut self) {
        let mut characters = self.rest.char_indices().skip(1);
        let end = match (characters.next(), characters.next()) {
            (Some((_, '\\')), Some((at, escaped))) => {
                let from = at + escaped.len_utf8();
                self.rest[from..].find('\'').map_or(from, |close| from + close + 1)
            }
            (Some(_), Some((at, '\''))) => at + 1,
            _ => 1,
        };
        self.skip(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r####"//! fn comment() {
use std::fmt;
mod tests;
/* fn outer { /* nested { */ } */
pub struct Row<'a> { text: &'a str, braces: [char; 2] }
const BRACES: &str = "fn text() { \" {";
const RAW: &str = r#"mod raw { " { "#;
const MARKS: [char; 3] = ['{', '\'', '\u{7b}'];
mod deep {
    fn inner<'a>(of: &'a str, f: fn(u8) -> u8) -> impl Iterator<Item = u8> + 'a {
        of.bytes().map(move |byte| {
            f(byte)
        })
    }
    impl<'a, T: Into<u64>> super::Row<'a> where T: Copy {
        fn push(&mut self) where Self: Sized {
            fn nested() { loop {} }
            match self { _ => nested() }
        }
    }
}
impl<T> fmt::Display for Wrapper<T>
where
    T: fmt::Display,
{
    fn fmt(&self) { let r#fn = 1; }
}
trait Sort {
    fn sort(&self);
    fn sorted(&self, by: impl Fn([u8; 4])) {
    }
}
fn main() {
}
mod slices {
    impl $($desc)+ {
        fn sort(&self) {
        }
    }
}
"####;

    #[test]
    fn lines_have_paths() {
        let outline = Outline::of(TEXT);
        for (line, name, path) in [
            (11, "inner", Some("deep::inner")),
            (12, "{closure#0}", Some("deep::inner::{closure#0}")),
            (16, "push", Some("deep::Row::push")),
            (17, "nested", Some("deep::Row::push::nested")),
            (18, "push", Some("deep::Row::push")),
            (18, "{closure#0}", Some("deep::Row::push::{closure#0}")),
            (26, "fmt", Some("Wrapper::fmt")),
            (30, "sorted", Some("Sort::sorted")),
            (33, "main", Some("main")),
            (37, "sort", Some("slices::sort")),
            // What is not there, or is elsewhere.
            (11, "push", None),
            (29, "sort", None),
            (6, "text", None),
            (1, "comment", None),
            (900, "main", None),
            (5, "{closure#0}", None),
        ] {
            assert_eq!(outline.path_at(line, name).as_deref(), path, "{name} at {line}: {outline:#?}");
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for end in 0..TEXT.len() {
            Outline::of(&TEXT[..end]);
            Outline::of(&TEXT[end..]);
        }
        Outline::of("}}}} fn ' \\ '\\ r#\" /* ü '");
    }
}
