//! A request as far as the server has to know it, read from whoever connects: bounded in length and time.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Instant;

/// Longest request line and headers; browsers send about one thousand bytes.
const LONGEST_BYTES: usize = 16 << 10;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no HTTP request, or one that is too long or too slow.
    Malformed,
    /// It was meant for another host.
    Host,
    /// Another site's page asks.
    Origin,
    /// It wants more than to read.
    Method,
    /// There is nothing.
    Path,
}

impl Refusal {
    /// HTTP's status line.
    pub(super) fn status(self) -> &'static str {
        match self {
            Refusal::Malformed => "400 Bad Request",
            Refusal::Host => "421 Misdirected Request",
            Refusal::Origin => "403 Forbidden",
            Refusal::Method => "405 Method Not Allowed",
            Refusal::Path => "404 Not Found",
        }
    }

    /// For the person who looks at it.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Refusal::Malformed => "expected an HTTP request of a browser\n",
            Refusal::Host => "expected the address that memscope-report printed, found another host's name\n",
            Refusal::Origin => "expected a request of the page itself, found one of another site\n",
            Refusal::Method => "expected GET: there is nothing to change here\n",
            Refusal::Path => "expected the whole address that memscope-report printed\n",
        }
    }
}

/// A request's line and the headers that say who asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// Empty where there is none or more than one: neither is this host.
    pub(super) host: String,
    /// Every `Origin`.
    pub(super) origin: Vec<String>,
    /// Every `Sec-Fetch-Site`.
    pub(super) fetch_site: Vec<String>,
}

impl Request {
    /// Reads up to the empty line behind the headers, until `deadline`. `None` where nothing comes at all.
    pub(super) fn read(
        connection: &mut TcpStream,
        deadline: Instant,
    ) -> io::Result<Option<Result<Self, Refusal>>> {
        let mut text = Vec::new();
        let mut piece = [0; 2048];
        while !text.windows(4).any(|end| end == b"\r\n\r\n") {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || text.len() > LONGEST_BYTES {
                return Ok((!text.is_empty()).then_some(Err(Refusal::Malformed)));
            }
            connection.set_read_timeout(Some(left))?;
            match connection.read(&mut piece) {
                Ok(0) if text.is_empty() => return Ok(None),
                Ok(0) => return Ok(Some(Err(Refusal::Malformed))),
                Ok(read) => text.extend_from_slice(&piece[..read]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Self::parse(&String::from_utf8_lossy(&text)).ok_or(Refusal::Malformed)))
    }

    /// Reads what [`Request::read`] took in.
    fn parse(text: &str) -> Option<Self> {
        let (head, _) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") || words.next().is_some() {
            return None;
        }
        let mut request =
            Request { method: method.to_owned(), target: target.to_owned(), ..Request::default() };
        let mut hosts = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().to_owned();
            match name.to_ascii_lowercase().as_str() {
                "host" => hosts.push(value),
                "origin" => request.origin.push(value),
                "sec-fetch-site" => request.fetch_site.push(value),
                _ => {}
            }
        }
        if hosts.len() == 1 {
            request.host = hosts.swap_remove(0);
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_that_say_who_asks_are_found_in_any_case() {
        let text = "GET /a/ HTTP/1.1\r\nHOST: 127.0.0.1:80\r\norigin:http://x\r\nSec-Fetch-Site: none\r\nAccept: */*\r\n\r\n";
        let request = Request::parse(text).expect("a request");
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a/"));
        assert_eq!(request.host, "127.0.0.1:80");
        assert_eq!(
            (request.origin, request.fetch_site),
            (vec!["http://x".to_owned()], vec!["none".to_owned()])
        );
    }

    /// However long it goes on, a byte now and then keeps no connection open beyond its time.
    #[test]
    fn a_slow_client_is_refused_when_its_time_is_over() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = std::thread::spawn(move || {
            let mut connection = TcpStream::connect(address).expect("a connection");
            // Until the other side has closed it.
            while io::Write::write_all(&mut connection, b"G").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let mut connection = listener.accept().expect("a connection").0;
        let deadline = Instant::now() + std::time::Duration::from_millis(200);
        let read = Request::read(&mut connection, deadline).expect("a connection that stands");
        assert_eq!(read, Some(Err(Refusal::Malformed)));
        drop(connection);
        client.join().expect("no panic");
    }

    #[test]
    fn two_hosts_are_none() {
        let request = Request::parse("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").expect("a request");
        assert_eq!(request.host, "");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in [
            "",
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / FTP/1.1\r\n\r\n",
            "GET / x HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        ] {
            assert_eq!(Request::parse(text), None, "{text:?}");
        }
    }
}
