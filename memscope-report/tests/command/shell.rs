//! What the command owes a shell: colours, pipes, completions, manual pages.

use super::common::{small, write};
use super::{command, folder, outcome};
use std::process::Stdio;

#[test]
fn colours_are_for_terminals_and_for_who_insists() {
    let (_dir, trace) = folder(&write(&small()));
    let coloured = |variables: &[(&str, &str)]| {
        let output = command()
            .arg("top")
            .arg(&trace)
            .envs(variables.iter().copied())
            .env("TERM", "xterm")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().contains('\u{1b}')
    };
    assert!(!coloured(&[]), "a pipe is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (_dir, trace) = folder(&write(&small()));
    for arguments in [vec!["top"], vec!["tree"], vec!["summary", "--json"], vec!["info"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let found = std::process::Command::new(assert_cmd::cargo::cargo_bin("memscope-report"))
            .args(&arguments)
            .arg(&trace)
            .stdout(Stdio::from(writer))
            .output()
            .unwrap();
        assert_eq!((found.status.code(), found.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let (_dir, trace) = folder(&write(&small()));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let found = std::process::Command::new(assert_cmd::cargo::cargo_bin("memscope-report"))
        .arg("summary")
        .arg(&trace)
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(found.status.code(), Some(1));
    let stderr = String::from_utf8(found.stderr).unwrap();
    assert!(stderr.contains("expected to print to standard output, found: No space left"), "{stderr}");
}

#[test]
fn completions_know_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = outcome(0, "completions", &[], &[shell]);
        for word in ["memscope-report", "leaks", "max-allocs-per"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn manual_pages_are_there_for_all() {
    let page = outcome(0, "man", &[], &[]);
    assert!(page.contains(".TH memscope-report 1") && page.contains("Exit codes"), "{page}");
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("man1");
    assert_eq!(outcome(0, "man", &[], &["-o", output.to_str().unwrap()]), "");
    for name in ["memscope-report", "memscope-report-check", "memscope-report-merge"] {
        let page = std::fs::read_to_string(output.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains(".SH"), "{page}");
    }
}
