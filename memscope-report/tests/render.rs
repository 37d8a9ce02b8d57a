//! The report as files.
#![cfg(feature = "charts")]

mod common;

use common::{small, write};
use memscope_report::{Progress, RenderOptions, ReportError, Stage, render, render_page};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A folder with the small trace in it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.bin");
    fs::write(&trace, write(&small())).unwrap();
    (dir, trace)
}

#[test]
fn a_page_and_its_charts_are_written() {
    let (dir, trace) = folder();
    let output = dir.path().join("a/report");
    let rendered = render(&trace, &output, &RenderOptions::default()).unwrap();
    assert_eq!(rendered.index_html, output.join("index.html"));
    assert!(!rendered.damaged && rendered.charts.len() >= 6);
    assert!(fs::read_to_string(&rendered.index_html).unwrap().contains("</html>"));
    for chart in &rendered.charts {
        assert!(fs::read_to_string(chart).unwrap().contains("</svg>"), "{}", chart.display());
    }
    let written = fs::read_dir(&output).unwrap().count();
    assert_eq!(written, rendered.charts.len() + 1, "no temporary file is left");
    assert!(rendered.summary.to_string().contains("app::parse"));
    assert_eq!(rendered.analysis.totals.samples, 70);
    // Again over what is there.
    render(&trace, &output, &RenderOptions::default()).unwrap();
    assert_eq!(fs::read_dir(&output).unwrap().count(), written);
}

#[test]
fn a_page_may_stand_beside_its_charts() {
    let (dir, trace) = folder();
    let (html, charts) = (dir.path().join("run.html"), dir.path().join("run"));
    let rendered = render_page(&trace, &html, &charts, &RenderOptions::default()).unwrap();
    assert_eq!(rendered.index_html, html);
    assert!(fs::read_to_string(&html).unwrap().contains("<svg"), "the page holds its charts");
    assert!(rendered.charts.iter().all(|chart| chart.starts_with(&charts) && chart.is_file()));
}

#[cfg(unix)]
#[test]
fn what_is_written_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, trace) = folder();
    let output = dir.path().join("report");
    let rendered = render(&trace, &output, &RenderOptions::default()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&output), mode(&rendered.index_html), mode(&rendered.charts[0])), (0o700, 0o600, 0o600));
}

#[test]
fn an_output_that_is_no_folder_is_refused() {
    let (dir, trace) = folder();
    let refused = |output: &Path| render(&trace, output, &RenderOptions::default()).unwrap_err();
    let error = refused(&trace);
    assert!(
        matches!(error, ReportError::NotAFolder { .. }) && error.to_string().contains("found a file"),
        "{error}"
    );
    let below = refused(&trace.join("report"));
    assert!(matches!(below, ReportError::Write { .. }), "{below}");
    #[cfg(target_os = "linux")]
    assert!(matches!(refused(Path::new("/proc/report")), ReportError::Write { .. }));
    #[cfg(unix)]
    {
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(refused(&link).to_string().contains("symbolic link"));
    }
    assert_eq!(fs::read(&trace).unwrap(), write(&small()), "the trace is untouched");
    drop(dir);
}

#[test]
fn nothing_is_written_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("report");
    assert!(render(dir.path().join("trace.bin"), &output, &RenderOptions::default()).is_err());
    assert!(!output.exists());
}

#[test]
fn progress_goes_from_start_to_end() {
    let (dir, trace) = folder();
    let told: Arc<Mutex<Vec<(Stage, u64, u64)>>> = Arc::default();
    let listener = Arc::clone(&told);
    let progress = Progress::new(move |stage, done, of| listener.lock().unwrap().push((stage, done, of)));
    render(&trace, dir.path().join("report"), &RenderOptions::default().progress(progress)).unwrap();
    let told = told.lock().unwrap();
    let length = fs::metadata(&trace).unwrap().len();
    let loads: Vec<_> = told.iter().filter(|(stage, ..)| *stage == Stage::Load).collect();
    assert!(loads.is_sorted_by_key(|(_, done, _)| *done));
    assert_eq!(loads.last(), Some(&&(Stage::Load, length, length)));
}

#[test]
fn hostile_names_stay_text() {
    let (dir, trace) = folder();
    let mut records = small();
    let hostile = "</script><script>alert(1)</script>\u{1b}[2J\0\u{202e}<!--";
    for record in &mut records {
        match record {
            memscope_trace::Record::Session(session) => session.name = hostile.into(),
            memscope_trace::Record::Threads(threads) => threads.threads[0].name = hostile.into(),
            memscope_trace::Record::Scopes(scopes) => scopes.scopes[0].name = hostile.into(),
            memscope_trace::Record::Symbols(symbols) => symbols.names[1] = hostile.into(),
            _ => {}
        }
    }
    fs::write(&trace, write(&records)).unwrap();
    let rendered = render(&trace, dir.path().join("report"), &RenderOptions::default()).unwrap();
    for path in rendered.charts.iter().chain([&rendered.index_html]) {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("<script>alert"), "{}", path.display());
        assert!(!text.contains(['\u{1b}', '\0', '\u{202e}']), "{}", path.display());
    }
    assert!(!rendered.summary.to_string().contains(['\u{1b}', '\0', '\u{202e}']));
}
