//! Generates load: connections that repeat one request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The latency of each request and the duration of the whole run.
#[derive(Debug)]
pub struct Sample {
    times: Vec<Duration>,
    lasted: Duration,
}

impl Sample {
    /// The latency that a share of the requests (0 to 1) does not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the times")]
        let at = ((self.times.len() as f64 * share).ceil() as usize).clamp(1, self.times.len());
        self.times[at - 1].as_secs_f64() * 1000.0
    }

    /// Requests per second.
    pub fn requests_per_s(&self) -> f64 {
        self.times.len() as f64 / self.lasted.as_secs_f64()
    }
}

/// Requests a path over `connections` keep-alive connections for `duration`. Fails on any status but 200.
///
/// `headers` are lines, each with its CRLF.
pub fn run(port: u16, path: &str, headers: &str, connections: u32, duration: Duration) -> Result<Sample> {
    let started = Instant::now();
    let results: Vec<Result<Vec<Duration>>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| request_until(port, path, headers, started + duration))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a connection panicked"))).collect()
    });
    let lasted = started.elapsed();
    let mut times: Vec<Duration> = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
    times.sort_unstable();
    if times.is_empty() {
        bail!("no response from nginx on port {port}");
    }
    Ok(Sample { times, lasted })
}

fn request_until(port: u16, path: &str, headers: &str, end: Instant) -> Result<Vec<Duration>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n");
    let (mut times, mut body) = (Vec::new(), Vec::new());
    while Instant::now() < end {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("cannot reach nginx")?;
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::with_capacity(1 << 18, stream);
        let mut kept = true;
        // nginx closes a connection after a number of requests, and announces it.
        while kept && Instant::now() < end {
            let started = Instant::now();
            writer.write_all(request.as_bytes())?;
            kept = read_response(&mut reader, &mut body).with_context(|| path.to_owned())?;
            times.push(started.elapsed());
        }
    }
    Ok(times)
}

/// Reads a whole response. Returns whether the connection stays open.
fn read_response(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Result<bool> {
    let (mut line, mut length, mut chunked, mut kept) = (String::new(), None, false, true);
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        bail!("the response is {}", line.trim());
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
        kept &= !(name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close"));
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    match length {
        Some(length) => read_bytes(reader, body, length)?,
        None if chunked => loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16)?;
            read_bytes(reader, body, size + 2)?;
            if size == 0 {
                break;
            }
        },
        None => bail!("a response without a length"),
    }
    Ok(kept)
}

fn read_bytes(reader: &mut impl Read, body: &mut Vec<u8>, length: usize) -> Result<()> {
    body.resize(length, 0);
    Ok(reader.read_exact(body)?)
}
