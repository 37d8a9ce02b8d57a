//! An axum server with the memory of each route: one middleware, no annotation on a handler.
//!
//! ```sh
//! cargo run --release --example routes
//! ```
//! Clients on loopback ask for three routes a fixed number of times, some hang up before the answer; then the program ends and prints what each
//! route took. The report is the one to lose: look at its p99.

mod findings;

use axum::Router;
use axum::extract::{MatchedPath, Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use memscope::{FutureExt, Session};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OUTPUT: &str = "target/memscope-examples/routes";
const CLIENTS: usize = 8;
const REQUESTS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = Session::builder().output(OUTPUT).start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let answered = runtime.block_on(serve_and_ask())?;
    drop(runtime);
    session.finalize()?;
    println!("{answered} requests were answered\n");
    findings::print(&format!("{OUTPUT}/trace.bin"), |name| name.starts_with('/'))?;
    Ok(())
}

/// Each request is polled in a scope that is called like its route.
async fn by_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let name = route.as_ref().map_or("no route", MatchedPath::as_str);
    next.run(request).in_named_scope(name).await
}

async fn serve_and_ask() -> Result<usize, Box<dyn Error>> {
    let routes = Router::new()
        .route("/items/{id}", get(item))
        .route("/search/{word}", get(search))
        .route("/report", get(report))
        .route_layer(from_fn(by_route));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(client(address, number))).collect();
    let mut answered = 0;
    for client in clients {
        answered += client.await??;
    }
    server.abort();
    Ok(answered)
}

async fn item(Path(id): Path<u32>) -> String {
    format!("item {id} of the shop")
}

async fn search(Path(word): Path<String>) -> String {
    let found: Vec<String> = (0..200).map(|number| format!("{word} {number}")).collect();
    tokio::task::yield_now().await;
    found.join("\n")
}

/// All rows, twice: once as rows, once as text. Every tenth has ten times as many.
async fn report(request: Request) -> String {
    let is_large = request.uri().query() == Some("all");
    let rows: Vec<[u64; 8]> = (0..if is_large { 20_000 } else { 2000 }).map(|row| [row; 8]).collect();
    tokio::time::sleep(Duration::from_millis(2)).await;
    rows.iter().map(|row| format!("{}\n", row[0])).collect()
}

/// Asks, one connection for each request. Returns how many answers came.
async fn client(address: SocketAddr, number: usize) -> std::io::Result<usize> {
    let mut answered = 0;
    for round in 0..REQUESTS {
        let path = match (number + round) % 10 {
            0 => "/report?all".to_owned(),
            1 | 2 => "/report".to_owned(),
            3..6 => format!("/search/word{round}"),
            _ => format!("/items/{round}"),
        };
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: example\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        // A client that has lost its patience: the server drops the request.
        if path == "/report" && round % 4 == 0 {
            continue;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        answered += usize::from(answer.starts_with(b"HTTP/1.1 200"));
    }
    Ok(answered)
}
