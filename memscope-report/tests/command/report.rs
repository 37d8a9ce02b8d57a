//! `report`, which is also what runs without a subcommand.

use super::common::{block_ends, small, write};
use super::{folder, run};
use std::fs;
use std::path::Path;

#[test]
fn a_trace_becomes_a_report_and_one_screen() {
    let (dir, trace) = folder(&write(&small()));
    let (code, stdout, stderr) = run(&[&trace]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let page = dir.path().join("trace-report/index.html");
    assert!(page.is_file());
    assert_eq!(stdout.lines().last(), page.to_str());
    assert!(stdout.lines().count() <= 24, "{stdout}");
    for expected in [
        "memscope: demo (process 77), 9 ms, 2 threads",
        "allocated  117 KiB in 1,200 allocations",
        "peak       87.9 KiB at 1.5 ms; live at the end 78.1 KiB",
        "70 samples, all of them, 0 lost",
        "app::index",
        "app::parse",
        "Nothing stands out.",
    ] {
        assert!(stdout.contains(expected), "{expected:?} is not in\n{stdout}");
    }
}

#[test]
fn the_output_folder_and_silence_can_be_asked_for() {
    let (dir, trace) = folder(&write(&small()));
    let output = dir.path().join("elsewhere");
    let (code, stdout, stderr) = run(&[&trace, "-o".as_ref(), &output, "-q".as_ref(), "--no-dwarf".as_ref()]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    assert!(output.join("index.html").is_file());
    assert!(!dir.path().join("trace-report").exists());
}

#[test]
fn a_cut_trace_is_reported_with_a_warning() {
    let records = small();
    let cut = block_ends(&records)[13] + 5;
    let (dir, trace) = folder(&write(&records)[..cut]);
    let (code, stdout, _) = run(&[&trace]);
    assert_eq!(code, 0);
    assert!(stdout.contains("(cut short)") && stdout.contains("! The trace has no end"), "{stdout}");
    assert!(dir.path().join("trace-report/index.html").is_file());
}

#[test]
fn a_damaged_trace_is_reported_and_exits_with_3() {
    let records = small();
    let mut bytes = write(&records);
    bytes[block_ends(&records)[7] - 1] ^= 0x10;
    let (dir, trace) = folder(&bytes);
    let (code, stdout, _) = run(&[&trace]);
    assert_eq!(code, 3);
    assert!(stdout.contains("! The trace is damaged: 1 of 17 blocks are lost"), "{stdout}");
    assert!(dir.path().join("trace-report/index.html").is_file());
}

#[test]
fn bad_input_is_one_clear_line_and_exits_with_1() {
    let (dir, empty) = folder(b"");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let trace = file("good.bin", &write(&small()));
    let text = file("notes.txt", b"These are notes, not a trace of anything.");
    let cut_in_header = file("cut.bin", &write(&small())[..20]);
    let missing = dir.path().join("missing.bin");
    let output: &Path = "-o".as_ref();
    let below_a_file = text.join("report");
    for (arguments, expected) in [
        (vec![missing.as_path()], "expected a trace that can be read, found"),
        (vec![dir.path()], "expected a trace file, found a folder"),
        (vec![&empty], "found an empty file"),
        (vec![&text], "found a file that begins with \"These are notes,"),
        (vec![&cut_in_header], "found a file of 20 bytes"),
        (vec![&trace, output, &text], "expected a folder, or nothing there yet, found a file"),
        (vec![&trace, output, &below_a_file], "expected a place that can be written to, found"),
    ] {
        let (code, stdout, stderr) = run(&arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        assert!(
            stderr.starts_with("memscope-report: ") && stderr.contains(expected),
            "{arguments:?}: {stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [&pipe, Path::new("/dev/zero")] {
        let (code, _, stderr) = run(&[path]);
        assert_eq!(code, 1);
        assert!(stderr.contains("expected a trace file, found a pipe, socket or device"), "{stderr}");
    }
}

#[test]
fn the_command_line_is_checked_and_explained() {
    assert_eq!(run(&[]).0, 2);
    assert_eq!(run(&["--nonsense".as_ref()]).0, 2);
    let (code, stdout, _) = run(&["--help".as_ref()]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("Exit codes:") && stdout.contains("leaks") && stdout.contains("merge"),
        "{stdout}"
    );
    let (code, stdout, _) = run(&["report".as_ref(), "--help".as_ref()]);
    assert_eq!(code, 0);
    assert!(stdout.contains("--symbols <DIR>") && stdout.contains("Examples:"), "{stdout}");
    let (code, _, stderr) = run(&["sumary".as_ref()]);
    assert!(code == 2 && stderr.contains("unrecognized subcommand 'sumary'"), "{code}: {stderr}");
    let (code, _, stderr) = run(&["sumary.bin".as_ref()]);
    assert_eq!(code, 1, "a file of that name is looked for");
    assert!(stderr.contains("sumary.bin: expected a trace that can be read"), "{stderr}");
}

#[test]
fn the_subcommand_may_be_named() {
    let (dir, trace) = folder(&write(&small()));
    let output = dir.path().join("named");
    let (code, stdout, _) = run(&["report".as_ref(), &trace, "-o".as_ref(), &output]);
    assert_eq!((code, stdout.lines().last()), (0, output.join("index.html").to_str()));
}

/// A disk that is full at the last file, the page: the limit on a file's size stands for it.
#[cfg(unix)]
#[test]
fn a_report_that_does_not_fit_leaves_what_was_there() {
    let (dir, trace) = folder(&write(&small()));
    let output = dir.path().join("report");
    fs::create_dir(&output).unwrap();
    fs::write(output.join("call_sites.svg"), "yesterday").unwrap();
    let binary = super::command().get_program().to_owned();
    // So many blocks of 512 bytes (1,024 in some shells): all charts fit, the page does not. The signal is ignored for the error to come back.
    let script = "trap '' XFSZ; ulimit -f 90; exec \"$0\" \"$1\" -o \"$2\" --no-cache";
    let run = std::process::Command::new("sh")
        .args(["-c", script])
        .args([binary.as_os_str(), trace.as_os_str(), output.as_os_str()])
        .output()
        .unwrap();
    let stderr = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("index.html: expected a place that can be written to, with room for the report")
            && stderr.contains("nothing of the report was written"),
        "{stderr}"
    );
    let left: Vec<_> = fs::read_dir(&output).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["call_sites.svg"]);
    assert_eq!(fs::read_to_string(output.join("call_sites.svg")).unwrap(), "yesterday");
}
