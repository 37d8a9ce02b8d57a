//! The formats of JSON and text, parsed back.

use crate::fixture::{EVIL, KNOWN, THREADS, assert_close, expected, export, export_measure, source};
use memscope_report::export::{EXPORTERS, ExportError, ExportOptions, Measure, exporter};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::fs;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn sum<'a>(values: impl IntoIterator<Item = &'a Value>) -> f64 {
    values.into_iter().map(|value| value.as_i64().expect("a whole number") as f64).sum()
}

fn array<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no array at {pointer}"))
}

#[test]
fn folded_stacks_add_up_and_inferno_draws_them() {
    let source = source();
    let analysis = source.analysis();
    for measure in KNOWN {
        let folded = String::from_utf8(export_measure(&source, "folded", measure)).unwrap();
        let numbers = folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
        assert_close(numbers.sum::<u64>() as f64, expected(&analysis, measure), measure);
    }
    let folded = String::from_utf8(export(&source, "folded")).unwrap();
    assert!(folded.chars().all(|char| char == '\n' || !char.is_control()), "{folded}");
    assert!(folded.contains("app::main;app::index "), "{folded}");
    let mut svg = Vec::new();
    let mut options = inferno::flamegraph::Options::default();
    inferno::flamegraph::from_lines(&mut options, folded.lines(), &mut svg).unwrap();
    assert!(String::from_utf8(svg).unwrap().contains("app::index"));
}

#[test]
fn speedscope_has_a_profile_for_each_measure() {
    let source = source();
    let analysis = source.analysis();
    let file = json(&export(&source, "speedscope"));
    let frames = array(&file, "/shared/frames");
    assert!(frames.iter().any(|frame| frame["name"] == EVIL));
    let profiles = array(&file, "/profiles");
    assert_eq!(profiles.len(), Measure::ALL.len());
    for (measure, profile) in Measure::ALL.into_iter().zip(profiles) {
        let (samples, weights) = (array(profile, "/samples"), array(profile, "/weights"));
        assert_eq!((profile["type"].as_str(), samples.len()), (Some("sampled"), weights.len()));
        assert_eq!(Some(sum(weights)), profile["endValue"].as_f64());
        let known = |frame: &Value| frame.as_u64().is_some_and(|frame| frame < frames.len() as u64);
        assert!(samples.iter().all(|stack| stack.as_array().unwrap().iter().all(known)));
        if KNOWN.contains(&measure) {
            assert_close(sum(weights), expected(&analysis, measure), measure);
        }
    }
    // Outermost first.
    let first = array(&profiles[0], "/samples")[0].as_array().unwrap();
    assert_eq!(frames[first[0].as_u64().unwrap() as usize]["name"], "app::main");
}

#[test]
fn firefox_has_weighted_samples_frees_and_live_bytes() {
    let source = source();
    let analysis = source.analysis();
    let file = json(&export(&source, "firefox"));
    assert_eq!(file["meta"]["preprocessedProfileVersion"], 60);
    let threads = array(&file, "/threads");
    let names: Vec<_> = threads.iter().map(|thread| thread["name"].as_str().unwrap()).collect();
    assert_eq!(names, THREADS);
    let stacks = array(&file, "/shared/stackTable/frame").len() as u64;
    let (mut weight, mut allocated, mut live) = (0.0, 0.0, 0.0);
    for thread in threads {
        for table in ["samples", "nativeAllocations"] {
            let table = &thread[table];
            let length = table["length"].as_u64().unwrap() as usize;
            let columns = table.as_object().unwrap().values().filter_map(Value::as_array);
            assert!(length > 0 && columns.into_iter().all(|column| column.len() == length));
            let times: Vec<f64> = array(table, "/time").iter().map(|time| time.as_f64().unwrap()).collect();
            assert!(times.is_sorted() && times[length - 1] < 9.0);
            assert!(
                array(table, "/stack").iter().all(|stack| stack.as_u64().is_none_or(|stack| stack < stacks))
            );
        }
        weight += sum(array(thread, "/samples/weight"));
        let natives = array(thread, "/nativeAllocations/weight");
        allocated += sum(natives.iter().filter(|weight| weight.as_i64() > Some(0)));
        live += sum(natives);
    }
    assert_close(weight, expected(&analysis, Measure::AllocatedBytes), "samples");
    assert_close(allocated, expected(&analysis, Measure::AllocatedBytes), "native allocations");
    // A free takes off the whole number that its allocation was rounded to.
    assert!((live - expected(&analysis, Measure::LiveBytes)).abs() < 400.0, "{live}");
    assert_eq!(sum(array(&file, "/counters/0/samples/count")), 39_000_000.0);
}

#[test]
fn firefoxs_shared_tables_lead_to_the_names() {
    let file = json(&export(&source(), "firefox"));
    let at = |pointer: &str, row: u64| array(&file, pointer)[row as usize].as_u64();
    let mut names = BTreeMap::new();
    for stack in 0..file["shared"]["stackTable"]["length"].as_u64().unwrap() {
        let frame = at("/shared/stackTable/frame", stack).unwrap();
        let function = at("/shared/frameTable/func", frame).unwrap();
        let name = at("/shared/funcTable/name", function).unwrap();
        let parent = at("/shared/stackTable/prefix", stack);
        assert!(parent.is_none_or(|parent| parent < stack));
        let outer = parent.map(|parent| format!("{};", names[&parent])).unwrap_or_default();
        let name = file["shared"]["stringArray"][name as usize].as_str().unwrap();
        names.insert(stack, format!("{outer}{name}"));
    }
    let names: HashSet<&str> = names.values().map(String::as_str).collect();
    assert!(names.contains("app::main;app::index") && names.contains("(stack not recorded)"), "{names:?}");
}

#[test]
fn dhat_has_each_stack_once() {
    let source = source();
    let analysis = source.analysis();
    let file = json(&export(&source, "dhat"));
    assert_eq!(
        (file["dhatFileVersion"].as_u64(), file["te"].as_u64(), file["tg"].as_u64()),
        (Some(2), Some(9_000), Some(1_900))
    );
    let sites = array(&file, "/pps");
    let column = |name: &str| sum(sites.iter().map(|site| &site[name]));
    for (name, measure) in [
        ("tb", Measure::AllocatedBytes),
        ("tbk", Measure::Allocations),
        ("gb", Measure::PeakBytes),
        ("eb", Measure::LiveBytes),
    ] {
        assert_close(column(name), expected(&analysis, measure), name);
    }
    let sites_read = source.profile().sites.iter();
    let lifetimes: f64 = sites_read.map(|site| site.samples.lifetime_us + site.samples.live_age_us).sum();
    assert_close(column("tl"), lifetimes / source.profile().losses().retained(), "lifetimes");
    let frames = array(&file, "/ftbl");
    let stacks: HashSet<String> = sites.iter().map(|site| site["fs"].to_string()).collect();
    assert_eq!(stacks.len(), sites.len());
    let texts: HashSet<&str> = frames.iter().map(|frame| frame.as_str().unwrap()).collect();
    assert!(texts.len() == frames.len() && frames[0] == "[root]" && texts.contains(EVIL));
    let known = |frame: &Value| (1..frames.len() as u64).contains(&frame.as_u64().unwrap());
    assert!(sites.iter().all(|site| array(site, "/fs").iter().all(known)));
}

#[test]
fn json_has_whole_numbers_where_figures_are_exact_and_intervals_where_not() {
    let source = source();
    let analysis = source.analysis();
    let mut file = json(&export(&source, "json"));
    let head = file.as_object_mut().unwrap();
    assert_eq!(head.remove("format"), Some("memscope-analysis".into()));
    assert_eq!(head.remove("version"), Some(1.into()));
    // They are read for the export: an analysis alone does not have them.
    let lifetimes = head.insert("site_lifetimes".to_owned(), Value::Array(Vec::new())).unwrap();
    assert_eq!(lifetimes.as_array().unwrap().len(), analysis.sites.len());
    // Not by `to_value`: reading a number back may change its last bit.
    assert_eq!(file, json(&serde_json::to_vec(&analysis).unwrap()));
    assert_eq!(file["totals"]["allocated_bytes"].as_u64(), Some(60_000_000));
    let mut total = 0.0;
    for site in array(&file, "/sites") {
        let [value, low, high] =
            ["value", "low", "high"].map(|end| site["allocated_bytes"][end].as_f64().unwrap());
        assert!(low <= value && value <= high);
        total += value;
    }
    assert_close(total, expected(&analysis, Measure::AllocatedBytes), "json");
}

#[test]
fn files_and_folders_are_written_where_they_are_asked_for() {
    let source = source();
    let dir = tempfile::tempdir().unwrap();
    let options = ExportOptions::default();
    let write = |format: &str, name: &str| {
        exporter(format).unwrap().write_to(&source, &options, dir.path().join(name))
    };
    assert_eq!(write("json", "a.json").unwrap(), [dir.path().join("a.json")]);
    assert_eq!(write("csv", "sites.csv").unwrap(), [dir.path().join("sites.csv")]);
    assert!(dir.path().join("sites.csv").is_file());
    let tables = write("csv", "tables").unwrap();
    assert!(tables.len() >= 9 && tables.iter().all(|path| path.is_file()));
    assert_eq!(fs::read(&tables[0]).unwrap(), fs::read(dir.path().join("sites.csv")).unwrap());
    // A file stands where the folder is to be.
    assert!(matches!(write("csv", "a.json"), Err(ExportError::Report(_))));
    assert!(matches!(write("folded", "nowhere/a"), Err(ExportError::Write(_) | ExportError::Report(_))));
    assert!(matches!(exporter("svg"), Err(ExportError::UnknownFormat { .. })));
    let names: HashSet<_> = EXPORTERS.iter().map(|exporter| exporter.name).collect();
    assert_eq!(names.len(), 8);
}

#[test]
fn parquet_is_a_folder_and_a_feature() {
    let source = source();
    let parquet = exporter("parquet").unwrap();
    let refused = parquet.write(&source, &ExportOptions::default(), &mut Vec::new());
    assert!(refused.unwrap_err().to_string().contains("pass the path of a folder"));
    let dir = tempfile::tempdir().unwrap();
    let written = parquet.write_to(&source, &ExportOptions::default(), dir.path().join("tables"));
    if cfg!(feature = "parquet") {
        assert_eq!(written.unwrap().len(), 9);
    } else {
        assert!(written.unwrap_err().to_string().contains("--features parquet"));
    }
}
