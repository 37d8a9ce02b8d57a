//! FORMAT.md is right: a decoder that knows nothing but its tables reads the golden trace.
//!
//! It has no part of the crate's codec: it walks the bytes by the types that FORMAT.md states, and renders what it
//! finds as Rust's `Debug` would. That text must be the one of the record.

use crate::bytes::{blocks, read, write};
use crate::records::every_kind;
use memscope_trace::{Frees, Record};
use std::collections::HashMap;

const FORMAT: &str = include_str!("../../FORMAT.md");

/// The cells of the table rows of `section`, without the table's head.
fn rows(section: &str) -> impl Iterator<Item = Vec<&str>> {
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    table.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
}

/// The section under that heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let (_, behind) = FORMAT.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    behind.split("\n#").next().unwrap()
}

/// Kind number -> name and flags.
fn kinds() -> HashMap<u8, (&'static str, u8)> {
    rows(section("## Kinds"))
        .map(|row| (row[0].parse().unwrap(), (row[1], row[2].parse().unwrap())))
        .collect()
}

/// Bytes on their way into text.
struct Decoder<'a> {
    bytes: &'a [u8],
}

impl Decoder<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.bytes.split_first_chunk().expect("a byte more");
        self.bytes = rest;
        *taken
    }

    fn unsigned(&mut self) -> u64 {
        match self.take::<1>()[0] {
            251 => u16::from_le_bytes(self.take()).into(),
            252 => u32::from_le_bytes(self.take()).into(),
            253 => u64::from_le_bytes(self.take()),
            marker @ 254.. => panic!("marker {marker}"),
            small => small.into(),
        }
    }

    /// The text of the next value of that type.
    fn value(&mut self, of: &str) -> String {
        if let Some(element) = of.strip_prefix("Vec<").and_then(|of| of.strip_suffix('>')) {
            let values: Vec<String> = (0..self.unsigned()).map(|_| self.value(element)).collect();
            return format!("[{}]", values.join(", "));
        }
        if let Some(inner) = of.strip_prefix("Option<").and_then(|of| of.strip_suffix('>')) {
            return match self.take::<1>()[0] {
                0 => "None".to_owned(),
                1 => format!("Some({})", self.value(inner)),
                tag => panic!("tag {tag}"),
            };
        }
        match of {
            "u8" => self.take::<1>()[0].to_string(),
            "u32" => u32::try_from(self.unsigned()).unwrap().to_string(),
            "u64" => self.unsigned().to_string(),
            "i64" => {
                let zigzag = self.unsigned();
                let half = (zigzag / 2) as i64;
                if zigzag.is_multiple_of(2) { half.to_string() } else { (-half - 1).to_string() }
            }
            "f64" => format!("{:?}", f64::from_le_bytes(self.take())),
            "String" => {
                let length = usize::try_from(self.unsigned()).unwrap();
                let (text, rest) = self.bytes.split_at(length);
                self.bytes = rest;
                format!("{:?}", std::str::from_utf8(text).unwrap())
            }
            record => self.record(record),
        }
    }

    fn record(&mut self, name: &str) -> String {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for row in rows(section(&format!("### {name}"))) {
            let [field, of, meaning] = row[..] else { panic!("{name}: {row:?}") };
            let value = self.value(of);
            if meaning.starts_with("Column: ") {
                columns.push(value.split(", ").count());
            }
            fields.push(format!("{field}: {value}"));
        }
        assert!(columns.windows(2).all(|two| two[0] == two[1]), "columns of {name}: {columns:?}");
        format!("{name} {{ {} }}", fields.join(", "))
    }
}

#[test]
fn the_golden_trace_is_what_the_tables_say() {
    let trace = write(&every_kind());
    let kinds = kinds();
    let mut seen = Vec::new();
    for (record, block) in every_kind().iter().zip(blocks(&trace)) {
        let (kind, flags) = (trace[block.start + 4], trace[block.start + 5]);
        let (name, stated_flags) = kinds[&kind];
        assert_eq!(flags, stated_flags, "{name}");
        let mut decoder = Decoder { bytes: &trace[block.start + 24..block.end] };
        let decoded = decoder.record(name);
        assert_eq!(format!("{name}({decoded})"), format!("{record:?}"));
        assert!(decoder.bytes.is_empty(), "{name}: {} bytes left", decoder.bytes.len());
        seen.push(kind);
    }
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(1..=kinds.len() as u8), "one of each kind: {seen:?}");
}

#[test]
fn the_example_is_a_trace() {
    let example = FORMAT.split_once("```hex\n").and_then(|(_, behind)| behind.split_once("```")).unwrap().0;
    let bytes = |line: &'static str| {
        let hex = line.split_once("  ").expect("bytes, two spaces, a remark").0;
        hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap())
    };
    let trace: Vec<u8> = example.lines().flat_map(bytes).collect();
    let frees =
        Frees { base_us: 70_000, delta_us: vec![0, 12], threads: vec![2, 0], sample_deltas: vec![3, -2] };
    assert!(FORMAT.contains(&format!("`{frees:?}`")));
    assert_eq!(read(&trace).0, [Record::Frees(frees.clone())]);
    assert_eq!(write(&[Record::Frees(frees)]), trace);
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    assert!(FORMAT.contains("`123456789` is 0xCBF43926"));
}
