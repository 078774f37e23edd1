//! Many clients of one stream, in one process.

use std::sync::mpsc::Sender;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// An event's id and when it came, in seconds since 1970.
pub type Arrival = (i64, f64);

/// Opens this many streams of the race; each reports the ids of its events until the server ends.
pub fn open(runtime: &Runtime, port: u16, clients: usize, arrivals: &Sender<Arrival>) -> Result<()> {
    for _ in 0..clients {
        let stream = runtime.block_on(async {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.write_all(b"GET /api/stream?raceId=measured HTTP/1.0\r\nHost: raceday\r\n\r\n").await?;
            std::io::Result::Ok(stream)
        });
        runtime.spawn(report(stream.context("connecting a client")?, arrivals.clone()));
    }
    Ok(())
}

async fn report(mut stream: TcpStream, arrivals: Sender<Arrival>) {
    let (mut unread, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let now = now();
        unread.extend_from_slice(&buffer[..length]);
        let Some(end) = unread.iter().rposition(|byte| *byte == b'\n') else { continue };
        for line in unread[..end].split(|byte| *byte == b'\n') {
            let id = line.strip_prefix(b"id: ").and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
            if let Some(id) = id {
                // The receiver is gone at the end of the measurement.
                let _ = arrivals.send((id, now));
            }
        }
        unread.drain(..=end);
    }
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
