//! A relay to PostgreSQL that can fall silent for ever: the connection stays open, and nothing arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Relays to the server on `port` until a client sends `word`, then nothing in either direction. Returns the relay's port.
pub fn silent_after(word: &'static str, port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let silent = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (heard, says) = (silent.clone(), silent.clone());
            thread::spawn(move || {
                carry(from_client, to_server, |bytes| {
                    if bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                        heard.store(true, Ordering::SeqCst);
                    }
                    !heard.load(Ordering::SeqCst)
                });
            });
            thread::spawn(move || carry(server, client, |_| !says.load(Ordering::SeqCst)));
        }
    });
    here
}

/// Forwards the chunks that `passes` accepts, until either side closes.
fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if passes(&bytes[..count]) && to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
