//! pprof's gzipped `profile.proto`, with the sample types of a Go heap profile: `alloc_objects`, `alloc_space`, `inuse_objects`
//! and `inuse_space` (live at the end).
//!
//! A sample of the profile is a stack, a thread and a scope; the last two are its labels (`go tool pprof -tagfocus=thread=worker`,
//! `-tags`). All frames of the standard library are there; `-hide='^[<&*]*(mut )?(alloc|core|std|hashbrown)::'` leaves the
//! program's own. Amounts are restated estimates, as whole numbers with the same totals. The field numbers are
//! those of <https://github.com/google/pprof/blob/main/proto/profile.proto>.

mod locations;
mod wire;

use super::round::Rounder;
use super::source::ExportSource;
use super::stacks::Interner;
use super::{ExportError, ExportOptions, Exporter};
use crate::load::{Event, Fate};
use crate::units;
use flate2::Compression;
use flate2::write::GzEncoder;
use locations::Locations;
use std::collections::HashMap;
use std::io::Write;
use wire::Message;

pub(super) const EXPORTER: Exporter = Exporter {
    name: "pprof",
    about: "gzipped protocol buffer: go tool pprof, Pyroscope, Parca",
    extension: "gz",
    file: Some(write),
    tables: None,
};

/// Type and unit of the values of a sample.
const SAMPLE_TYPES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// The strings of a profile, each once; string 0 is empty.
#[derive(Debug, Default)]
struct Strings(Interner<String>);

impl Strings {
    fn id(&mut self, text: &str) -> u64 {
        if self.0.values.is_empty() {
            self.0.intern(String::new());
        }
        self.0.intern(text.to_owned()).into()
    }
}

/// What the samples of one stack, thread and scope add up to.
struct Group {
    /// One of the sites that they are of; all have the same stack.
    site_row: Option<u32>,
    values: [f64; SAMPLE_TYPES.len()],
}

/// Stack, thread, scope.
type Key = (Option<u32>, u32, u32);

fn write(source: &ExportSource, _: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut out = GzEncoder::new(out, Compression::default());
    let groups = groups(source)?;
    let mut strings = Strings::default();
    out.write_all(head(source, &mut strings).as_bytes())?;
    let mut locations = Locations::new(source.profile(), source.symbols());
    write_samples(source, &groups, &mut locations, &mut strings, &mut out)?;
    locations.write(&mut strings, &mut out)?;
    let mut message = Message::default();
    for text in &strings.0.values {
        message.clear();
        out.write_all(message.bytes(6, text.as_bytes()).as_bytes())?;
    }
    out.finish()?;
    Ok(())
}

/// The samples by stack, thread and scope, in that order.
fn groups(source: &ExportSource) -> Result<Vec<(Key, Group)>, ExportError> {
    let sites = &source.profile().sites;
    let mut groups: HashMap<Key, Group> = HashMap::new();
    source.replay(|event| {
        let (sample, first) = match event {
            Event::Allocated(sample) => (sample, 0),
            Event::Ended(sample, Fate::Live, _) => (sample, 2),
            Event::Ended(..) => return Ok(()),
        };
        let site = sample.site_row.and_then(|row| sites.get(row as usize));
        let key = (site.map(|site| site.stack), sample.thread, site.map_or(0, |site| site.scope));
        let group =
            groups.entry(key).or_insert(Group { site_row: sample.site_row, values: Default::default() });
        group.values[first] += sample.allocations;
        group.values[first + 1] += sample.bytes;
        Ok(())
    })?;
    let mut groups: Vec<(Key, Group)> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|(key, _)| *key);
    Ok(groups)
}

/// The fields that say what the profile is.
fn head(source: &ExportSource, strings: &mut Strings) -> Message {
    let profile = source.profile();
    let mut message = Message::default();
    // The empty string is the first.
    strings.id("");
    for (kind, unit) in SAMPLE_TYPES {
        let (kind, unit) = (strings.id(kind), strings.id(unit));
        message.message(1, |value_type| _ = value_type.number(1, kind).number(2, unit));
    }
    let (kind, unit) = (strings.id("space"), strings.id("bytes"));
    message.message(11, |value_type| _ = value_type.number(1, kind).number(2, unit));
    let interval_bytes = profile.intervals.last().map_or(0.0, |interval| interval.interval_bytes);
    // In exact mode each byte is looked at.
    message.number(12, (interval_bytes.round() as u64).max(1));
    message.number(9, profile.session.started_unix_ns);
    message.number(10, profile.duration_us.saturating_mul(1_000));
    message.number(14, strings.id("alloc_space"));
    let comment = format!(
        "memscope {}: {}{}; values are estimates from {}",
        profile.session.memscope_version,
        source.title(),
        units::process(profile.session.process_id),
        units::things(profile.samples, "sample")
    );
    message.packed(13, [strings.id(&comment)]);
    message
}

fn write_samples(
    source: &ExportSource,
    groups: &[(Key, Group)],
    locations: &mut Locations<'_>,
    strings: &mut Strings,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut rounders = [Rounder::default(); SAMPLE_TYPES.len()];
    let mut ids = Vec::new();
    let mut message = Message::default();
    // A small trace can describe stacks without end: so many locations are written in all, then one for each sample.
    let mut left = (4_u64 << 20).saturating_add(source.profile().read.bytes.saturating_mul(16));
    let keys = ["thread", "thread_id", "scope"].map(|key| strings.id(key));
    for ((_, thread, scope), group) in groups {
        let mut values = [0; SAMPLE_TYPES.len()];
        for (at, value) in group.values.into_iter().enumerate() {
            values[at] = rounders[at].round(value);
        }
        if values == [0; SAMPLE_TYPES.len()] {
            continue;
        }
        locations.of_site(group.site_row, left.max(1).try_into().unwrap_or(usize::MAX), &mut ids);
        left = left.saturating_sub(ids.len() as u64);
        message.clear();
        message.message(2, |sample| {
            sample.packed(1, ids.iter().copied()).packed(2, values);
            let name = strings.id(&source.thread_name(*thread));
            sample.message(3, |label| _ = label.number(1, keys[0]).number(2, name));
            sample.message(3, |label| _ = label.number(1, keys[1]).number(3, u64::from(*thread)));
            if let Some(scope) = source.scope_name(*scope) {
                let name = strings.id(&scope);
                sample.message(3, |label| _ = label.number(1, keys[2]).number(2, name));
            }
        });
        out.write_all(message.as_bytes())?;
    }
    Ok(())
}
