//! What each kind of fault cost.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::Fault;

/// One fault and what followed.
#[derive(Debug)]
pub struct Event {
    /// Its kind.
    pub fault: Fault,
    /// The longest time without a write.
    pub without_writes: Duration,
    /// The longest time without a read.
    pub without_reads: Duration,
    /// Slots that passed without a poll.
    pub polls_late: u64,
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, without_writes, without_reads, polls_late } = self;
        let (writes_s, reads_s) = (without_writes.as_secs_f64(), without_reads.as_secs_f64());
        write!(
            formatter,
            "{fault:<30} no write for {writes_s:>6.2} s, no read for {reads_s:>6.2} s, {polls_late} polls late"
        )
    }
}

/// All faults by kind.
#[derive(Debug, Default)]
pub struct Report(BTreeMap<Fault, Vec<Event>>);

impl Report {
    /// Adds a fault.
    pub fn add(&mut self, event: Event) {
        self.0.entry(event.fault).or_default().push(event);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:<30} {:>6} {:>17} {:>17} {:>11}",
            "", "faults", "s to first write", "s to first read", "polls late"
        )?;
        write!(formatter, "\n{:<37} {:>8} {:>8} {:>8} {:>8}", "", "median", "longest", "median", "longest")?;
        for (fault, events) in &self.0 {
            let (write_s, longest_write_s) = of(events, |event| event.without_writes);
            let (read_s, longest_read_s) = of(events, |event| event.without_reads);
            let late: u64 = events.iter().map(|event| event.polls_late).sum();
            write!(
                formatter,
                "\n{fault:<30} {:>6} {write_s:>8.2} {longest_write_s:>8.2} {read_s:>8.2} {longest_read_s:>8.2} {late:>11}",
                events.len()
            )?;
        }
        Ok(())
    }
}

/// The median and the longest, in seconds.
fn of(events: &[Event], time: impl Fn(&Event) -> Duration) -> (f64, f64) {
    let mut times: Vec<f64> = events.iter().map(|event| time(event).as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    (times.get(times.len() / 2).copied().unwrap_or_default(), times.last().copied().unwrap_or_default())
}
