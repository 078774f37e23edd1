//! The circuit breaker for the TAB: after consecutive failures it lets through one probe at a time.
//!
//! See docs/decisions/breaker.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use failsafe::failure_policy::ConsecutiveFailures;
use failsafe::{Instrument, StateMachine, failure_policy};
use metrics::gauge;

/// Which requests the breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// All requests.
    Closed = 0,
    /// One request at a time, to find out whether the TAB is available again.
    HalfOpen = 1,
    /// No request.
    Open = 2,
}

#[derive(Debug, Clone)]
struct Watch(Arc<AtomicU8>);

impl Watch {
    fn turn(&self, state: State) {
        let before = self.0.swap(state as u8, Ordering::Relaxed);
        gauge!("raceday_breaker_state").set(f64::from(state as u8));
        match state {
            State::Open if before == State::Closed as u8 => tracing::warn!("TAB unavailable: requests suspended"),
            State::Closed if before != State::Closed as u8 => tracing::info!("TAB available again"),
            _ => {}
        }
    }
}

impl Instrument for Watch {
    fn on_call_rejected(&self) {}
    fn on_open(&self) {
        self.turn(State::Open);
    }
    fn on_half_open(&self) {
        self.turn(State::HalfOpen);
    }
    fn on_closed(&self) {
        self.turn(State::Closed);
    }
}

/// How long the breaker stays open each time. The crate's own backoff only supports whole seconds.
#[derive(Debug, Clone)]
struct Doubling {
    next: Duration,
    max: Duration,
}

impl Iterator for Doubling {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.next;
        self.next = (now * 2).min(self.max);
        Some(now)
    }
}

/// The breaker. Every request takes a [`Permit`] first.
#[derive(Debug)]
pub struct Breaker {
    machine: StateMachine<ConsecutiveFailures<Doubling>, Watch>,
    state: Arc<AtomicU8>,
    probing: AtomicBool,
}

impl Breaker {
    /// A breaker that opens after `failures` consecutive failures, then lets a probe through after `probe`, doubling up to eight
    /// times that.
    pub fn new(failures: u32, probe: Duration) -> Self {
        let state = Arc::new(AtomicU8::new(State::Closed as u8));
        let policy = failure_policy::consecutive_failures(failures.max(1), Doubling { next: probe, max: probe * 8 });
        Self { machine: StateMachine::new(policy, Watch(state.clone())), state, probing: AtomicBool::new(false) }
    }

    /// Permission for one request; none while the TAB is considered unavailable.
    pub fn permit(&self) -> Option<Permit<'_>> {
        if !self.machine.is_call_permitted() {
            return None;
        }
        let probe = self.state() != State::Closed;
        if probe && self.probing.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Permit { breaker: self, probe, settled: false })
    }

    /// How many of `free` workers may make a request now: all, one as a probe, or none.
    pub fn capacity(&self, free: usize) -> usize {
        // This call turns an open breaker half-open once its time has passed.
        if !self.machine.is_call_permitted() {
            return 0;
        }
        match self.state() {
            State::Closed => free,
            _ => usize::from(!self.probing.load(Ordering::Acquire)).min(free),
        }
    }

    /// Which requests it lets through now.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::Closed,
            1 => State::HalfOpen,
            _ => State::Open,
        }
    }
}

/// Permission for one request. If dropped unresolved, the request counts as failed: it was abandoned as too slow.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    settled: bool,
}

impl Permit<'_> {
    /// Records that the TAB responded, even with a 4xx.
    pub fn succeeded(mut self) {
        self.settled = true;
        self.breaker.machine.on_success();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.machine.on_error();
        }
        if self.probe {
            self.breaker.probing.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_breaker(probe: Duration) -> Breaker {
        let breaker = Breaker::new(3, probe);
        for _ in 0..3 {
            assert_eq!(breaker.state(), State::Closed);
            drop(breaker.permit().unwrap());
        }
        breaker
    }

    #[test]
    fn consecutive_failures_open_the_breaker() {
        let breaker = open_breaker(Duration::from_hours(1));
        assert_eq!(breaker.state(), State::Open);
        assert!(breaker.permit().is_none());
        assert_eq!(breaker.capacity(5), 0);
    }

    #[test]
    fn a_success_between_failures_keeps_the_breaker_closed() {
        let breaker = Breaker::new(3, Duration::from_hours(1));
        for _ in 0..10 {
            drop(breaker.permit().unwrap());
            drop(breaker.permit().unwrap());
            breaker.permit().unwrap().succeeded();
        }
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.capacity(5), 5);
    }

    #[test]
    fn one_probe_at_a_time_closes_or_reopens_the_breaker() {
        let breaker = open_breaker(Duration::from_nanos(1));
        while breaker.capacity(5) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(breaker.state(), State::HalfOpen);
        let probe = breaker.permit().unwrap();
        assert!(breaker.permit().is_none(), "a second probe beside the first");
        assert_eq!(breaker.capacity(5), 0);
        drop(probe);
        assert_eq!(breaker.state(), State::Open);
        while breaker.capacity(5) == 0 {
            std::thread::yield_now();
        }
        breaker.permit().unwrap().succeeded();
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.capacity(5), 5);
    }
}
