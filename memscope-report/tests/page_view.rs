//! The page over HTTP: who gets it, and who does not.
#![cfg(feature = "cli")]

mod common;

use memscope_report::serve::PageServer;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const PAGE: &str = "<!DOCTYPE html><title>page</title>";

/// Runs `ask` with the authority and the path of a served page.
fn served(ask: impl FnOnce(&str, &str) + Send) {
    let server = PageServer::bind(PAGE.as_bytes().to_vec()).expect("a port");
    let url = server.url();
    let (host, path) = url.strip_prefix("http://").expect("http").split_once('/').expect("a path");
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        let serving = threads.spawn(|| server.serve(|| over.load(Ordering::Relaxed)));
        // A failed assertion in `ask` must end the server too, or the test would wait for it.
        let asked = threads.spawn(|| ask(host, &format!("/{path}"))).join();
        over.store(true, Ordering::Relaxed);
        serving.join().expect("no panic").expect("served");
        asked.expect("asked");
    });
}

fn send(host: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(host).expect("connected");
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    answer
}

fn get(host: &str, path: &str, headers: &str) -> String {
    send(host, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n"))
}

#[test]
fn who_has_the_address_gets_the_page() {
    served(|host, path| {
        for headers in [
            format!("Host: {host}\r\n"),
            format!("host: {}\r\n", host.replace("127.0.0.1", "localhost")),
            format!("Host: {host}\r\nSec-Fetch-Site: none\r\nOrigin: http://{host}\r\n"),
        ] {
            let answer = get(host, path, &headers);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(PAGE), "{answer}");
            for header in [
                "Content-Type: text/html; charset=utf-8",
                "Cache-Control: no-store",
                "X-Content-Type-Options: nosniff",
                "Referrer-Policy: no-referrer",
                "Content-Security-Policy: frame-ancestors 'none'",
                &format!("Content-Length: {}", PAGE.len()),
            ] {
                assert!(answer.contains(&format!("{header}\r\n")), "{header} in {answer}");
            }
        }
    });
}

#[test]
fn everybody_else_is_refused_and_sees_nothing_of_it() {
    served(|host, path| {
        let port = host.split_once(':').expect("a port").1;
        let guess = "/00000000000000000000000000000000/";
        let own = format!("Host: {host}\r\n");
        let post = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        let cases = [
            (get(host, path, &format!("Host: evil.example:{port}\r\n")), "421"),
            (get(host, path, "Host: 127.0.0.1\r\n"), "421"),
            (get(host, path, ""), "421"),
            (get(host, path, &format!("{own}Host: evil.example\r\n")), "421"),
            (get(host, path, &format!("{own}Origin: http://evil.example\r\n")), "403"),
            (get(host, path, &format!("{own}Origin: null\r\n")), "403"),
            (get(host, path, &format!("{own}Sec-Fetch-Site: cross-site\r\n")), "403"),
            (send(host, &post), "405"),
            (get(host, "/", &own), "404"),
            (get(host, guess, &own), "404"),
            (get(host, path.trim_end_matches('/'), &own), "404"),
            (get(host, &format!("{path}../../etc/passwd"), &own), "404"),
            (send(host, "hello\r\n\r\n"), "400"),
        ];
        for (answer, status) in cases {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
            assert!(!answer.contains(PAGE), "{status}: {answer}");
        }
    });
}

#[test]
fn a_silent_connection_keeps_nobody_waiting() {
    served(|host, path| {
        let silent: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(host).expect("connected")).collect();
        assert!(get(host, path, &format!("Host: {host}\r\n")).starts_with("HTTP/1.1 200 OK\r\n"));
        drop(silent);
    });
}

#[test]
fn a_request_without_end_is_refused() {
    served(|host, _| {
        let mut connection = TcpStream::connect(host).expect("connected");
        connection.write_all(b"GET / HTTP/1.1\r\nA: ").expect("sent");
        // The server stops reading at its bound; what it has not read may break the connection before its answer is here.
        let _ = connection.write_all(&[b'a'; 64 << 10]);
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    });
}

#[test]
fn every_address_is_another() {
    let urls = [0, 1].map(|_| PageServer::bind(Vec::new()).expect("a port").url());
    let token = |url: &str| url.rsplit('/').nth(1).expect("a token").to_owned();
    assert_ne!(token(&urls[0]), token(&urls[1]));
    assert_eq!(token(&urls[0]).len(), 32);
}

#[test]
fn the_command_prints_the_address_and_ends_by_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let trace = dir.path().join("trace.bin");
    std::fs::write(&trace, common::write(&common::small())).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_memscope-report"))
        .args(["view", "--no-open", "--for", "2"])
        .arg(&trace)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the address");
    let (host, path) =
        line.trim().strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let page = get(host, &format!("/{path}"), &format!("Host: {host}\r\n"));
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<h1>demo</h1>"), "{page:.300}");
    assert!(child.wait().expect("ended").success());
    let left: Vec<_> = std::fs::read_dir(dir.path()).expect("the folder").collect();
    assert_eq!(left.len(), 1, "nothing but the trace: {left:?}");
}

#[test]
fn a_wrong_time_or_trace_is_an_error() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_memscope-report")).arg("view").args(arguments).output().expect("run")
    };
    assert_eq!(run(&["--for", "0", "trace.bin"]).status.code(), Some(2));
    let missing = run(&["--no-open", "--for", "1", "no-such-trace.bin"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no-such-trace.bin"));
}
