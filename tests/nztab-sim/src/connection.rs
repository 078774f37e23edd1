//! Connections that can be closed at any time, and that record when a response was sent and how they ended.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::extract::connect_info::Connected;
use axum::http::header;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::ledger::{End, Ledger, Sent};

/// A handler's access to its connection.
#[derive(Debug, Clone)]
pub struct Connection {
    number: u64,
    cut: Arc<AtomicBool>,
    /// Responses that are written, but may not be flushed yet.
    unflushed: Arc<Mutex<Vec<Sent>>>,
    ledger: Arc<Ledger>,
}

impl Connection {
    fn new(number: u64, ledger: Arc<Ledger>) -> Self {
        Self { number, cut: Arc::default(), unflushed: Arc::default(), ledger }
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Records the end of the connection if this is an error.
    fn watch_end<T>(&self, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &done {
            let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
            self.ledger.record_end(self.number, if kinds.contains(&error.kind()) { End::Reset } else { End::Here });
        }
        done
    }

    /// Closes the connection: nothing more is read or written.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn written(&self, sent: Sent) {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }

    fn flushed(&self) {
        for sent in self.unflushed.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.ledger.record(sent);
        }
    }
}

/// A listener whose connections can be closed at any time.
#[derive(Debug)]
pub struct CuttableListener {
    /// The underlying listener.
    pub listener: TcpListener,
    /// Where responses are recorded.
    pub ledger: Arc<Ledger>,
    /// The number of connections so far.
    pub accepted: u64,
}

impl Listener for CuttableListener {
    type Io = Cuttable;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Responses are sent in one piece; waiting for acknowledgements would only delay their ends.
        let _ = stream.set_nodelay(true);
        self.accepted += 1;
        (Cuttable { stream, connection: Connection::new(self.accepted, Arc::clone(&self.ledger)) }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A connection that can be closed at any time.
#[derive(Debug)]
pub struct Cuttable {
    stream: TcpStream,
    connection: Connection,
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        let before = (buf.filled().len(), buf.remaining());
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() == before.0 && before.1 > 0 {
            self.connection.ledger.record_end(self.connection.number, End::Closed);
        }
        self.connection.watch_end(read)
    }
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        self.connection.ledger.record_end(self.connection.number, End::Here);
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.connection.watch_end(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.connection.watch_end(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // The server flushes the connection only when its own buffer is empty, so everything written has been sent.
        if let Poll::Ready(Ok(())) = flushed {
            self.connection.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A body that reports when its end was written to the connection.
#[derive(Debug)]
pub struct Watched {
    body: axum::body::Body,
    /// Bytes left if the length is known; the server never polls for more.
    left: Option<usize>,
    report: Option<(Connection, Sent)>,
}

impl Watched {
    /// Wraps the body of a response.
    #[must_use]
    pub fn watch(response: Response, connection: Connection, sent: Sent) -> Response {
        let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let left = length.and_then(|length| length.parse().ok());
        response.map(|body| axum::body::Body::new(Self { body, left, report: Some((connection, sent)) }))
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let over = match &frame {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => {
                let received = frame.data_ref().map_or(0, Bytes::len);
                self.left = self.left.map(|left| left.saturating_sub(received));
                self.left == Some(0) || self.body.is_end_stream()
            }
            _ => false,
        };
        if over && let Some((connection, sent)) = self.report.take() {
            connection.written(sent);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
