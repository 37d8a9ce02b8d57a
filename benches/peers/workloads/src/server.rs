//! A service: axum on loopback, a JSON document made for each request out of maps and strings.
//!
//! The clients are threads of the same process, each with a connection of its own and a buffer that is used again: what they allocate
//! and compute is small beside the server's.

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

const WORKERS: usize = 2;
const CONNECTIONS: usize = 4;

/// `count` requests over four connections.
pub(crate) fn server(count: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_io()
        .build()
        .expect("the operating system gives threads and an epoll");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("the loopback interface has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let routes = Router::new().route("/orders/{id}", get(order));
    let serving = runtime.spawn(async move { axum::serve(listener, routes).await });
    thread::scope(|scope| {
        for client in 0..CONNECTIONS {
            let share = count / CONNECTIONS + usize::from(client < count % CONNECTIONS);
            scope.spawn(move || ask(address, client, share).expect("the server answers"));
        }
    });
    serving.abort();
}

/// One customer's order with its lines.
async fn order(Path(id): Path<u32>) -> Json<Value> {
    let prices: HashMap<String, u32> =
        (0..24).map(|line| (format!("article {}", line * 37 + id % 97), line * id % 9973)).collect();
    let mut lines: Vec<Value> = prices
        .iter()
        .map(|(article, cents)| json!({ "article": article, "cents": cents, "note": format!("{article} for {id}") }))
        .collect();
    lines.sort_by_key(|line| line["cents"].as_u64());
    let mut order = Map::new();
    order.insert("id".to_owned(), id.into());
    order.insert("customer".to_owned(), format!("customer {}", id % 1000).into());
    order.insert("total".to_owned(), prices.values().sum::<u32>().into());
    order.insert("lines".to_owned(), lines.into());
    Json(order.into())
}

/// `count` requests, one after the other, over one connection.
fn ask(address: SocketAddr, client: usize, count: usize) -> Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    for request in 0..count {
        let id = (client + request * CONNECTIONS) % 100_000;
        // One write, so that the request is one segment.
        let length = {
            let mut rest = &mut buffer[..];
            let room = rest.len();
            write!(rest, "GET /orders/{id} HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
            room - rest.len()
        };
        connection.write_all(&buffer[..length])?;
        read_answer(&mut connection, &mut buffer)?;
    }
    Ok(())
}

/// Reads one answer: head, and as many bytes as its `content-length` says.
fn read_answer(connection: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut have = 0;
    loop {
        let got = connection.read(&mut buffer[have..])?;
        if got == 0 {
            return Err(std::io::Error::other(
                "expected an answer, found the connection closed or the answer too long",
            ));
        }
        have += got;
        let Some(head) = buffer[..have].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = str::from_utf8(&buffer[..head]).map_err(std::io::Error::other)?;
        if !text.starts_with("HTTP/1.1 200") {
            return Err(std::io::Error::other(format!("expected HTTP/1.1 200, found {text}")));
        }
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok());
        let length: usize = length
            .ok_or_else(|| std::io::Error::other(format!("expected a content-length, found {text}")))?;
        if have >= head + 4 + length {
            return Ok(());
        }
    }
}
