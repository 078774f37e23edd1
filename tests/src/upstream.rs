//! A small HTTP server to put behind nginx, for what the stand-in for PostgREST does not do.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as nginx sent it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request line and the headers, byte for byte.
    pub head: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// The path with its query.
    pub fn target(&self) -> String {
        self.line().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The value of a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.head).into_owned();
        let headers = text.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.into_iter().find(|(key, _)| key.to_lowercase() == name).map(|(_, value)| value.to_owned())
    }

    fn line(&self) -> String {
        String::from_utf8_lossy(&self.head).lines().next().unwrap_or_default().to_owned()
    }
}

/// A server on a free port. Each request gets what the function returns: a status line's end, headers, and a body.
#[derive(Debug)]
pub struct Upstream {
    /// Its port on 127.0.0.1.
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A response: `200 OK`, lines of headers, body.
pub type Reply = (&'static str, &'static str, &'static str);

impl Upstream {
    /// Starts it. It ends with the test's process.
    pub fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (seen, reply) = (Arc::clone(&received), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                std::thread::spawn(move || serve(&stream, &seen, &*reply));
            }
        });
        Self { port, received }
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves one connection until the client closes it.
fn serve(stream: &TcpStream, seen: &Mutex<Vec<Received>>, reply: &dyn Fn(&Received) -> Reply) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let (status, headers, body) = reply(&request);
        let is_head = request.head.starts_with(b"HEAD ");
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let mut writer = stream;
        let sent = writer.write_all(head.as_bytes());
        if sent.and_then(|()| writer.write_all(if is_head { b"" } else { body.as_bytes() })).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
    }
    let mut request = Received { head, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
