//! How many streams there are, in total and per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{counter, gauge};

/// The limits and who is within them.
#[derive(Debug)]
pub struct Clients {
    max: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A stream's place, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    clients: Arc<Clients>,
    address: IpAddr,
    shows: &'static str,
}

impl Clients {
    /// No clients, and these limits.
    pub fn new(max: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, per_address, open: Mutex::default() })
    }

    /// Admits a client of this address; `None` beyond a limit. `shows` is for the metrics: `races` or `all`.
    pub fn admit(self: &Arc<Self>, address: IpAddr, shows: &'static str) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.by_address.get(&address).copied().unwrap_or_default();
        let limit =
            if open.total >= self.max { Some("total") } else { (of_address >= self.per_address).then_some("address") };
        if let Some(limit) = limit {
            counter!("raceday_live_refused_total", "limit" => limit).increment(1);
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, of_address + 1);
        gauge!("raceday_live_clients", "shows" => shows).increment(1);
        Some(Seat { clients: self.clone(), address, shows })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.clients.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
        gauge!("raceday_live_clients", "shows" => self.shows).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_left_is_free() {
        let clients = Clients::new(3, 2);
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let one = clients.admit(address(1), "races");
        let two = clients.admit(address(1), "all");
        assert!(one.is_some() && two.is_some());
        assert!(clients.admit(address(1), "races").is_none(), "a third of one address");
        let three = clients.admit(address(2), "races");
        assert!(three.is_some());
        assert!(clients.admit(address(3), "races").is_none(), "a fourth of all");
        drop(two);
        let four = clients.admit(address(3), "races");
        assert!(four.is_some());
        drop(three);
        assert_eq!(clients.open.lock().unwrap().by_address.len(), 2);
    }
}
