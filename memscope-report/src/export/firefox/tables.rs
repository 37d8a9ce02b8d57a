//! The tables that all threads share: strings, functions, frames, stacks.
//!
//! They are written column by column, as the format has them.

use super::super::source::ExportSource;
use super::super::stacks::{EMPTY, Interner, Stacks};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the object `profile.shared`. Stack `n` of `stacks` is stack `n - 1` there, its frame the frame of the same row.
pub(super) fn write_shared(stacks: &Stacks, out: &mut dyn Write) -> io::Result<()> {
    let mut strings = Interner::default();
    let mut sources = Interner::default();
    // A function is a name and a file.
    let mut functions = Interner::default();
    let mut frame_functions = Vec::with_capacity(stacks.frames().len());
    for frame in stacks.frames() {
        let source = frame.file.as_ref().map(|file| sources.intern(strings.intern(file.clone())));
        let name = strings.intern(frame.function.clone());
        frame_functions.push(functions.intern((name, source)));
    }
    let nodes = &stacks.nodes()[1..];
    let parent = |parent: u32| if parent == EMPTY { Value::Null } else { json!(parent - 1) };
    out.write_all(b"{\"stackTable\":{\"frame\":")?;
    column(out, nodes.iter().map(|node| node.frame.into()))?;
    out.write_all(b",\"prefix\":")?;
    column(out, nodes.iter().map(|node| parent(node.parent)))?;
    write!(out, ",\"length\":{}}},\"frameTable\":{{\"func\":", nodes.len())?;
    let frames = stacks.frames().len();
    column(out, frame_functions.into_iter().map(Value::from))?;
    out.write_all(b",\"line\":")?;
    column(out, stacks.frames().iter().map(|frame| frame.line.map_or(Value::Null, Value::from)))?;
    for (name, value) in
        [("address", json!(-1)), ("inlineDepth", json!(0)), ("category", json!(0)), ("subcategory", json!(0))]
            .into_iter()
            .chain(["nativeSymbol", "innerWindowID", "column"].map(|name| (name, Value::Null)))
    {
        constant(out, name, value, frames)?;
    }
    write!(out, ",\"length\":{frames}}},\"funcTable\":{{\"name\":")?;
    let length = functions.values.len();
    column(out, functions.values.iter().map(|(name, _)| (*name).into()))?;
    out.write_all(b",\"source\":")?;
    column(out, functions.values.iter().map(|(_, source)| source.map_or(Value::Null, Value::from)))?;
    for (name, value) in [
        ("isJS", json!(false)),
        ("relevantForJS", json!(false)),
        ("resource", json!(-1)),
        ("lineNumber", Value::Null),
        ("columnNumber", Value::Null),
    ] {
        constant(out, name, value, length)?;
    }
    write!(out, ",\"length\":{length}}},\"sources\":{{\"filename\":")?;
    column(out, sources.values.iter().map(|&name| name.into()))?;
    constant(out, "uuid", Value::Null, sources.values.len())?;
    write!(out, ",\"length\":{}}},", sources.values.len())?;
    out.write_all(b"\"resourceTable\":{\"length\":0,\"lib\":[],\"name\":[],\"host\":[],\"type\":[]},")?;
    out.write_all(
        b"\"nativeSymbols\":{\"length\":0,\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[]},",
    )?;
    out.write_all(b"\"stringArray\":")?;
    column(out, strings.values.iter().map(|text| text.as_str().into()))?;
    out.write_all(b"}")
}

/// Writes `values` as an array.
pub(super) fn column(out: &mut dyn Write, values: impl Iterator<Item = Value>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (at, value) in values.enumerate() {
        write!(out, "{}{value}", if at > 0 { "," } else { "" })?;
    }
    out.write_all(b"]")
}

/// Writes another column, of the same value `length` times.
fn constant(out: &mut dyn Write, name: &str, value: Value, length: usize) -> io::Result<()> {
    write!(out, ",\"{name}\":")?;
    column(out, std::iter::repeat_n(value, length))
}

/// `profile.meta`: what the profile is, and how to show it.
pub(super) fn meta(source: &ExportSource) -> Value {
    let profile = source.profile();
    let session = &profile.session;
    json!({
        "version": 27,
        "preprocessedProfileVersion": super::FORMAT_VERSION,
        "product": source.title(),
        "importedFrom": concat!("memscope-report ", env!("CARGO_PKG_VERSION")),
        "interval": 1,
        "startTime": session.started_unix_ns as f64 / 1e6,
        "processType": 0,
        "stackwalk": 1,
        "debug": false,
        "oscpu": format!("{} {}", session.os, session.arch),
        "logicalCPUs": session.cpus,
        "categories": [{ "name": "Other", "color": "grey", "subcategories": ["Other"] }],
        "markerSchema": [],
        "symbolicated": true,
        "symbolicationNotSupported": true,
        "usesOnlyOneStackType": true,
        "sourceCodeIsNotOnSearchfox": true,
        "profilingStartTime": 0,
        "profilingEndTime": profile.duration_us as f64 / 1e3,
    })
}
