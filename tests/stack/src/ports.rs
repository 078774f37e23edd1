//! Ports of the local servers on 127.0.0.1.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// The seven consecutive ports of a demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// nginx, which a user opens.
    pub nginx: u16,
    /// The REST server behind nginx.
    pub rest: u16,
    /// The REST server's `/live` and `/ready`.
    pub rest_admin: u16,
    #[allow(missing_docs)]
    pub postgres: u16,
    #[allow(missing_docs)]
    pub simulator: u16,
    /// The fetcher's `/metrics`, `/health` and `/ready`.
    pub fetcher: u16,
    /// The hub's streams, `/metrics` and `/health`.
    pub live: u16,
}

impl Ports {
    /// The seven ports from `base` on.
    ///
    /// Fails when `base` is 0 or leaves no room for seven ports.
    pub fn from_base(base: u16) -> Result<Self> {
        if base == 0 || base > u16::MAX - 6 {
            bail!("--port {base} leaves no room for seven ports: choose one from 1 to {}", u16::MAX - 6);
        }
        Ok(Self {
            nginx: base,
            rest: base + 1,
            rest_admin: base + 2,
            postgres: base + 3,
            simulator: base + 4,
            fetcher: base + 5,
            live: base + 6,
        })
    }

    /// The ports that are in use.
    pub fn taken(self) -> Vec<u16> {
        [self.nginx, self.rest, self.rest_admin, self.postgres, self.simulator, self.fetcher, self.live]
            .into_iter()
            .filter(|&port| !is_free(port))
            .collect()
    }
}

/// A free port below the range from which the kernel takes the ports of outgoing connections.
///
/// Fails when all are in use.
pub fn free_port() -> Result<u16> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Concurrent test processes start at different ports.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = begin.wrapping_add(u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % COUNT;
        let port = u16::try_from(FIRST + offset)?;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} to {}", FIRST + COUNT)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }

    #[test]
    fn free_ports_differ() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }

    #[test]
    fn the_base_must_leave_room_for_seven_ports() {
        assert!(Ports::from_base(65_530).is_err());
        assert_eq!(Ports::from_base(65_529).unwrap().live, 65_535);
    }
}
