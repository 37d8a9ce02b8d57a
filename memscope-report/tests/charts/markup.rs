//! A strict reader of markup: it accepts less than a browser does, and says where it stops.

use std::collections::HashSet;

/// An element as it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// The text directly in it, its entities resolved.
    pub(crate) text: String,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The dialect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// XML 1.0.
    Xml,
    /// HTML as the page writes it: some elements have no end, and script and style hold raw text.
    Html,
}

const VOID: [&str; 4] = ["meta", "link", "input", "wbr"];
const RAW: [&str; 2] = ["script", "style"];

/// Every element of a document in order, or what is wrong with it.
pub(crate) fn read(document: &str, dialect: Dialect) -> Result<Vec<Element>, String> {
    if let Some(c) = document.chars().find(|c| !is_allowed(*c)) {
        return Err(format!("the character U+{:04X}", u32::from(c)));
    }
    let mut reader = Reader { rest: document, dialect, elements: Vec::new(), open: Vec::new() };
    while !reader.rest.is_empty() {
        reader.step().map_err(|error| format!("{error} before {:?}", head(reader.rest)))?;
    }
    match reader.open.last() {
        Some(index) => Err(format!("<{}> is never closed", reader.elements[*index].name)),
        None => Ok(reader.elements),
    }
}

/// What XML 1.0 allows, less the control characters of C1 and the marks that turn the direction of text.
fn is_allowed(c: char) -> bool {
    let turns =
        matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    c == '\n' || !(c.is_control() || turns || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

fn head(text: &str) -> String {
    text.chars().take(60).collect()
}

struct Reader<'a> {
    rest: &'a str,
    dialect: Dialect,
    elements: Vec<Element>,
    /// Indices of the elements that are open.
    open: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn step(&mut self) -> Result<(), String> {
        for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!DOCTYPE", ">")] {
            if let Some(rest) = self.rest.strip_prefix(start) {
                return self.skip(rest, end).map(|_| ());
            }
        }
        if let Some(rest) = self.rest.strip_prefix("</") {
            let name = self.skip(rest, ">")?;
            return self.close(name);
        }
        match self.rest.strip_prefix('<') {
            Some(rest) => self.open_element(rest),
            None => self.text(),
        }
    }

    /// Moves behind `end` and returns what stood before it.
    fn skip(&mut self, from: &'a str, end: &str) -> Result<&'a str, String> {
        let (skipped, rest) = from.split_once(end).ok_or_else(|| format!("no {end}"))?;
        self.rest = rest;
        Ok(skipped)
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        match self.open.pop() {
            Some(index) if self.elements[index].name == name => Ok(()),
            Some(index) => Err(format!("</{name}> closes <{}>", self.elements[index].name)),
            None => Err(format!("</{name}> closes nothing")),
        }
    }

    fn text(&mut self) -> Result<(), String> {
        let (text, rest) = self.rest.split_at(self.rest.find('<').unwrap_or(self.rest.len()));
        self.rest = rest;
        let text = resolve(text)?;
        match self.open.last() {
            Some(index) => self.elements[*index].text += &text,
            None if text.trim().is_empty() => {}
            None => return Err(format!("text {text:?} outside the root")),
        }
        Ok(())
    }

    fn open_element(&mut self, rest: &'a str) -> Result<(), String> {
        if self.open.is_empty() && !self.elements.is_empty() {
            return Err("a second root".to_owned());
        }
        let (name, mut rest) = split_name(rest)?;
        let mut element = Element { name: name.to_owned(), ..Element::default() };
        let mut seen = HashSet::new();
        let empty = loop {
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break false;
            }
            let after = rest.strip_prefix([' ', '\n']).ok_or("no space before an attribute")?;
            let (key, value, after) = self.attribute(after)?;
            if !seen.insert(key) {
                return Err(format!("two attributes {key}"));
            }
            element.attributes.push((key.to_owned(), value));
            rest = after;
        };
        self.rest = rest;
        let html = self.dialect == Dialect::Html;
        self.elements.push(element);
        if html && RAW.contains(&name) {
            let text = self.skip(rest, &format!("</{name}>"))?;
            self.elements.last_mut().expect("just pushed").text = text.to_owned();
        } else if !(empty || html && VOID.contains(&name)) {
            self.open.push(self.elements.len() - 1);
        }
        Ok(())
    }

    fn attribute(&self, text: &'a str) -> Result<(&'a str, String, &'a str), String> {
        let (key, rest) = split_name(text)?;
        let Some(rest) = rest.strip_prefix("=\"") else {
            return match self.dialect {
                Dialect::Html => Ok((key, String::new(), rest)),
                Dialect::Xml => Err(format!("no value for {key}")),
            };
        };
        let (value, rest) = rest.split_once('"').ok_or("no end of a value")?;
        if value.contains('<') {
            return Err(format!("< in the value of {key}"));
        }
        Ok((key, resolve(value)?, rest))
    }
}

fn split_name(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:".contains(c))).unwrap_or(text.len());
    if end == 0 { Err("no name".to_owned()) } else { Ok(text.split_at(end)) }
}

/// Text with its entities resolved.
fn resolve(text: &str) -> Result<String, String> {
    let mut pieces = text.split('&');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').ok_or("& without ;")?;
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" | "#39" => '\'',
            _ => return Err(format!("the entity &{entity};")),
        });
        out += rest;
    }
    Ok(out)
}

#[test]
fn the_reader_refuses_what_is_not_well_formed() {
    for wrong in [
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a>&nbsp;</a>",
        "<a>&</a>",
        "<a b=\"<\"/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a b/>",
        "<a b=1/>",
        "<a>\u{1b}</a>",
        "<a>\u{202e}</a>",
        "<a><!-- </a>",
        "text<a/>",
        "<a <b/>",
    ] {
        assert!(read(wrong, Dialect::Xml).is_err(), "{wrong}");
    }
}

#[test]
fn the_reader_reads_what_is() {
    let xml =
        "<?xml version=\"1.0\"?><!DOCTYPE a><a b=\"&lt;\"><!-- c --><d>e &amp; f</d><![CDATA[<]]></a>\n";
    let elements = read(xml, Dialect::Xml).expect("well-formed");
    assert_eq!(elements[0].attribute("b"), Some("<"));
    assert_eq!((elements[1].name.as_str(), elements[1].text.as_str()), ("d", "e & f"));
    let html = "<!DOCTYPE html><html><meta charset=\"utf-8\"><script>a < b</script><input disabled></html>";
    assert_eq!(read(html, Dialect::Html).expect("well-formed")[2].text, "a < b");
}
