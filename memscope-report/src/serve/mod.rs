//! The page over HTTP, to this machine and to whoever has its address.
//!
//! Other programs of this machine can connect to a loopback port, and so can every web site that its browser has open: a
//! site may ask for `http://127.0.0.1:PORT/`, or give its own name the address 127.0.0.1 and then read what comes back (*DNS
//! rebinding*). A heap profile tells what a program does, so
//!
//! * the server listens on 127.0.0.1 only, on a port that the system chooses;
//! * the page stands under a path of 128 random bits, which other users cannot guess;
//! * a request whose `Host` is not this address and port is refused, which ends rebinding: the browser sends the site's name;
//! * a request with an `Origin` or `Sec-Fetch-Site` of another site is refused, and so is every method but `GET`;
//! * nothing is read from disk: the page is one document in memory, and the request only says yes or no to it.
//!
//! ```text
//! connection -> request.rs (parse, bounded) -> answer(): who asks, for what -> status, headers, page
//! ```

mod request;
mod token;

use request::{Refusal, Request};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that are served at a time; others are closed.
const MOST_CONNECTIONS: usize = 32;
/// How long a connection may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the server looks whether it is to end.
const PAUSE: Duration = Duration::from_millis(20);

/// A page that waits to be served.
///
/// ```
/// use memscope_report::serve::PageServer;
/// use std::time::{Duration, Instant};
///
/// let server = PageServer::bind(b"<!DOCTYPE html>".to_vec())?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// server.serve(|| true)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PageServer {
    listener: TcpListener,
    address: SocketAddr,
    token: String,
    page: Vec<u8>,
}

impl PageServer {
    /// Listens on 127.0.0.1, on a port that the system chooses, to serve `page`, an HTML document in UTF-8. Nobody is answered
    /// before [`PageServer::serve`].
    ///
    /// # Errors
    ///
    /// What the system reports when it gives no port or no random numbers.
    pub fn bind(page: Vec<u8>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, token: token::random()?, page })
    }

    /// The page's address. Whoever has it, on this machine, can read the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token)
    }

    /// Answers requests until `is_over` says so; it is asked some 50 times a second. Connections that are open then are
    /// finished first, which takes at most some seconds.
    ///
    /// # Errors
    ///
    /// What the system reports when it takes no more connections. What goes wrong with one of them ends that one only.
    pub fn serve(&self, is_over: impl Fn() -> bool) -> io::Result<()> {
        let open = AtomicUsize::new(0);
        thread::scope(|threads| {
            while !is_over() {
                match self.listener.accept() {
                    // Whoever is closed so may come again.
                    Ok((_, _)) if open.load(Ordering::Relaxed) >= MOST_CONNECTIONS => {}
                    Ok((connection, _)) => {
                        open.fetch_add(1, Ordering::Relaxed);
                        let open = &open;
                        threads.spawn(move || {
                            // A browser that goes away has its reasons, and nobody to tell them to.
                            let _ = self.talk(connection);
                            open.fetch_sub(1, Ordering::Relaxed);
                        });
                    }
                    Err(error) if is_passing(&error) => thread::sleep(PAUSE),
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn talk(&self, mut connection: TcpStream) -> io::Result<()> {
        connection.set_nonblocking(false)?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let answer = match Request::read(&mut connection, Instant::now() + PATIENCE)? {
            Some(Ok(request)) => self.answer(&request),
            Some(Err(refusal)) => Err(refusal),
            // Browsers open connections ahead and leave them.
            None => return Ok(()),
        };
        let (status, body) = match answer {
            Ok(page) => ("200 OK", page),
            Err(refusal) => (refusal.status(), refusal.reason().as_bytes()),
        };
        let kind = if answer.is_ok() { "text/html" } else { "text/plain" };
        let allow = if matches!(answer, Err(Refusal::Method)) { "Allow: GET\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n{allow}\
             Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             X-Frame-Options: DENY\r\nContent-Security-Policy: frame-ancestors 'none'\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes())?;
        connection.write_all(body)?;
        connection.flush()
    }

    /// The page, for who asks from here and knows where it is.
    fn answer(&self, request: &Request) -> Result<&[u8], Refusal> {
        let port = self.address.port();
        let here = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        if !here.iter().any(|host| request.host.eq_ignore_ascii_case(host)) {
            return Err(Refusal::Host);
        }
        let own = |origin: &String| here.iter().any(|host| origin.strip_prefix("http://") == Some(host));
        let own_site = |site: &String| matches!(site.as_str(), "none" | "same-origin");
        if !request.origin.iter().all(own) || !request.fetch_site.iter().all(own_site) {
            return Err(Refusal::Origin);
        }
        if request.method != "GET" {
            return Err(Refusal::Method);
        }
        let path = request.target.split('?').next().unwrap_or_default();
        let asked = path.strip_prefix('/').and_then(|path| path.strip_suffix('/')).unwrap_or_default();
        if token::same(asked, &self.token) { Ok(&self.page) } else { Err(Refusal::Path) }
    }
}

/// Whether `accept` fails for now only: nobody is there, or who was has gone.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionAborted | ConnectionReset)
}
