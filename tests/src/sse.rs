//! A client of Server-Sent Events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::PATIENCE;

/// An event as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: String,
    /// Its id, if it has one.
    pub id: Option<String>,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

/// An open stream.
#[derive(Debug)]
pub struct Events {
    /// The response's status line and headers.
    pub head: String,
    lines: BufReader<TcpStream>,
}

impl Events {
    /// Requests a path of a server on this machine, with more header lines if any. The response may be an error.
    pub fn open(port: u16, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Of HTTP 1.0, whose body has no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: raceday\r\n")?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n")?;
        let (mut lines, mut head) = (BufReader::new(stream), String::new());
        while lines.read_line(&mut head)? > 2 {}
        Ok(Self { head, lines })
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The next event, or `None` at the end of the stream. An event without its last line is none.
    pub fn next_event(&mut self) -> std::io::Result<Option<Event>> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => data.clone_into(&mut event.data),
                Some(("id", id)) => event.id = Some(id.to_owned()),
                None if line == "\n" && !event.name.is_empty() => return Ok(Some(event)),
                _ => {}
            }
        }
    }

    /// The next event with this name; skips others. Fails the test at the end of the stream.
    #[track_caller]
    pub fn next_named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next_event().unwrap().unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name == name {
                return event;
            }
        }
    }
}
