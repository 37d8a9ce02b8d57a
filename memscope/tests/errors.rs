//! What is refused, and that each refusal says what was expected, what was found, where, and what to do.
//!
//! One test: a process has one session at a time.

use memscope::{Error, SamplingConfig, Session};
use std::path::Path;

fn message(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    assert!(text.contains("expected "), "{text}");
    assert!(text.contains(": ") && text.len() > 40, "says what to do: {text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}

#[test]
fn refusals() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out");

    nothing_running();
    out_of_range(&output);
    assert!(!output.exists(), "a refused start leaves nothing behind");

    let mut session = memscope::comprehensive_profile_execution(&output, None).expect("a session");
    let second = memscope::comprehensive_profile_execution(folder.path().join("other"), None)
        .expect_err("one at a time");
    assert!(matches!(second, Error::SessionActive { .. }));
    message(&second, &["out", "finalize"]);
    message(&memscope::trace_all(folder.path().join("other")).expect_err("one at a time"), &["out"]);
    message(&memscope::stop_tracing().expect_err("the session is not trace_all's"), &["trace_all"]);
    session.finalize().expect("a result");
    let again = session.finalize().expect_err("finalized already");
    assert!(matches!(again, Error::AlreadyFinalized));
    message(&again, &["finalized"]);
    drop(session);

    memscope::trace_all(&output).expect("a second session after the first");
    message(&memscope::trace_all(&output).expect_err("one at a time"), &["out"]);
    memscope::stop_tracing().expect("it was running");
    nothing_running();
    assert!(output.join("trace.1.bin").exists(), "the older trace is kept aside");

    outputs_that_cannot_be(folder.path());
    #[cfg(feature = "report")]
    nothing_to_export(folder.path());
}

fn nothing_running() {
    let error = memscope::stop_tracing().expect_err("nothing is running");
    assert!(matches!(error, Error::NoSession));
    message(&error, &["none", "trace_all"]);
}

fn out_of_range(output: &Path) {
    let good = SamplingConfig::default();
    let bad = [
        ("sample_rate", SamplingConfig { sample_rate: 1.5, ..good }),
        ("sample_rate", SamplingConfig { sample_rate: f64::NAN, ..good }),
        ("min_allocation_size", SamplingConfig { min_allocation_size: usize::MAX, ..good }),
        ("buffer_size", SamplingConfig { buffer_size: 100, ..good }),
    ];
    for (field, config) in bad {
        let error =
            memscope::comprehensive_profile_execution(output, Some(config)).expect_err("out of range");
        assert!(matches!(error, Error::InvalidConfig { .. }));
        message(&error, &[field]);
    }
    let error =
        Session::builder().output(output).sampling_interval_bytes(0).start().expect_err("out of range");
    message(&error, &["sampling_interval_bytes", "0"]);
}

fn outputs_that_cannot_be(folder: &Path) {
    let file = folder.join("a-file");
    std::fs::write(&file, "precious").expect("a file");
    for output in [file.clone(), file.join("below"), "/proc/memscope".into()] {
        let error = memscope::trace_all(&output).expect_err("no folder can be there");
        assert!(matches!(error, Error::Output { .. }));
        message(&error, &[&output.display().to_string(), "folder"]);
    }
    assert_eq!(std::fs::read_to_string(&file).expect("untouched"), "precious");
}

#[cfg(feature = "report")]
fn nothing_to_export(folder: &Path) {
    let error =
        memscope::export_comprehensive_analysis(folder.join("nowhere"), "page").expect_err("no trace there");
    message(&error, &["nowhere"]);
    for name in ["", "..", "a/b", "/etc"] {
        let error = memscope::export_comprehensive_analysis(folder, name).expect_err("no file name");
        message(&error, &["name", "plain file name"]);
    }
}
