//! When a race's data are refreshed within the period: an estimate that each poll improves. Pure; what it knows is stored in
//! the database with each poll, so that any fetcher continues it.
//!
//! Two kinds of evidence: a `generated_time` that precedes the request gives the moment itself. Where the TAB builds responses
//! per request, it is which polls brought new data: a change between two polls less than a period apart bounds the refresh.
//! docs/decisions/alignment.md explains the choices.

use serde::{Deserialize, Serialize};

use crate::circle::Circle;

/// A response generated within this time before the request was built for it: its time is the request's, not the data's.
const STAMP_S: f64 = 0.25;
/// How much later than a poll that did not find it a refresh is taken to have arrived.
const STEP_S: f64 = 1.0;
/// Known refreshes fade within this time, as phases drift, and in any case each weighs as much as one of so many.
const FADED_S: f64 = 90.0;
const MEMORY: u32 = 24;
/// The fewest known refreshes to go by.
const KNOWN_MIN: u32 = 2;
/// A refresh is unexpected if less than this was expected within a second of it.
const UNEXPECTED: f64 = 0.05;
/// How likely a change is outside of the span that is bound to contain the refresh, and silence within it: a race is not always bet on.
const OUTSIDE: f64 = 0.03;
const SILENCE: f64 = 0.3;
/// The share forgotten with each poll that has no `generated_time` to go by.
const FORGOTTEN: f64 = 0.002;
/// Slots are shifted to find the phase until the data are expected to be this young, and again once they are this old.
const FOUND_S: f64 = 1.2;
const LOST_S: f64 = 2.5;
/// The part of the margin that is kept after the latest refreshes, not only after the usual ones.
const MARGIN_KEPT_S: f64 = 0.35;
/// So many polls that always find something new show a feed without a phase.
const SHIFTS_MAX: u32 = 14;
/// Slots are not shifted nearer to the start than this, where data matter more than the phase, nor with a cadence above a minute.
const SHIFT_UNTIL_S: f64 = 360.0;
const SHIFT_CADENCE_MAX_S: f64 = 60.0;
/// At most one extra poll in this many slots.
const AGAIN_SLOTS: u32 = 4;
/// Extra polls only around the start, and where refreshes usually bring something.
const AGAIN_WITHIN_S: f64 = 300.0;
const AGAIN_UNTIL_S: f64 = -60.0;
const AGAIN_NEWS: f64 = 0.7;

/// What a poll has shown. Times are seconds since 1970 by the database's clock.
#[derive(Debug, Clone, Copy)]
pub struct Poll {
    /// When the request was sent.
    pub sent_s: f64,
    /// When the response began to arrive.
    pub received_s: f64,
    /// A hash of the data; none: as in the poll before.
    pub content: Option<u64>,
    /// When the response was generated, as it says.
    pub generated_s: Option<f64>,
    /// How long after a refresh its poll is due.
    pub margin_s: f64,
    /// Seconds between polls.
    pub cadence_s: f64,
    /// Seconds to the start.
    pub to_start_s: f64,
    /// Whether its slot was aligned with a phase.
    pub is_aligned: bool,
    /// Whether it is an extra poll between two slots.
    pub is_again: bool,
}

/// What is known after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// By when a refresh has arrived, in seconds after a multiple of the period.
    pub phase_s: Option<f64>,
    /// The expected age of the data then.
    pub age_s: f64,
    /// Whether to go by it.
    pub is_certain: bool,
    /// Seconds to the next slot, if the cadence's would show nothing about the phase.
    pub gap_s: Option<f64>,
    /// Whether a refresh was due and has not arrived.
    pub is_due: bool,
    /// The data's age by `generated_time`.
    pub data_age_s: Option<f64>,
    /// The data changed at most this long ago.
    pub changed_within_s: Option<f64>,
}

/// The poll before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Last {
    sent_s: f64,
    received_s: f64,
    content: Option<u64>,
    generated_s: Option<f64>,
    /// When the data before were last seen.
    before_s: Option<f64>,
}

/// What the polls of a race have shown so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    period_s: f64,
    circle: Circle,
    /// Refreshes whose moment is known, up to `MEMORY`.
    known: u32,
    /// Polls within a period that found nothing new: only a feed with a phase has them.
    silences: u32,
    /// Slots shifted so far, and the last shift until it is made up for.
    shifts: u32,
    shifted_s: Option<f64>,
    is_found: bool,
    /// How often a refresh that was due brought something new, of late.
    news: f64,
    /// Slots since the last extra poll.
    slots: u32,
    last: Option<Last>,
}

impl Phase {
    /// Nothing is known yet.
    pub fn new(period_s: f64) -> Self {
        Self {
            period_s,
            circle: Circle::default(),
            known: 0,
            silences: 0,
            shifts: 0,
            shifted_s: None,
            is_found: false,
            news: 1.0,
            slots: AGAIN_SLOTS,
            last: None,
        }
    }

    /// Continues with what is stored, unless it is of another version or period.
    pub fn restored(stored: Option<serde_json::Value>, period_s: f64) -> Self {
        let stored: Option<Self> = stored.and_then(|stored| serde_json::from_value(stored).ok());
        stored
            .filter(|phase| (phase.period_s - period_s).abs() < 1e-6 && phase.circle.is_valid())
            .unwrap_or_else(|| Self::new(period_s))
    }

    /// Learns from a poll.
    pub fn observe(&mut self, poll: &Poll) -> Estimate {
        // A poll that ended before the last one began, or a clock that was set back.
        let last = self.last.filter(|last| last.sent_s < poll.sent_s);
        let content = poll.content.or(last.and_then(|last| last.content));
        let is_new = last.map(|last| last.content != content);
        let was_certain = self.is_certain();
        self.learn(poll, last, is_new);
        let before_s =
            if is_new == Some(false) { last.and_then(|last| last.before_s) } else { last.map(|last| last.sent_s) };
        let generated_s = poll.generated_s.or(last.filter(|_| is_new == Some(false)).and_then(|last| last.generated_s));
        self.last = Some(Last { sent_s: poll.sent_s, received_s: poll.received_s, content, generated_s, before_s });

        // A poll that was shifted is not where a refresh is expected.
        let is_due = self.shifted_s.is_none() && is_new == Some(false) && self.is_due(poll, was_certain);
        self.slots = if is_due { 0 } else { (self.slots + u32::from(!poll.is_again)).min(AGAIN_SLOTS) };
        let best = self.circle.best(self.period_s);
        Estimate {
            phase_s: (self.known > 0 || self.silences > 0).then(|| self.phase_s(poll.margin_s)),
            age_s: best.age_s,
            is_certain: self.is_certain(),
            gap_s: self.shift(poll),
            is_due,
            data_age_s: generated_s.map(|generated_s| (poll.received_s - generated_s).max(0.0)),
            changed_within_s: before_s.map(|before_s| poll.received_s - before_s),
        }
    }

    fn learn(&mut self, poll: &Poll, last: Option<Last>, is_new: Option<bool>) {
        if let Some(generated_s) = poll.generated_s.filter(|generated_s| poll.sent_s - generated_s > STAMP_S) {
            let is_known =
                last.and_then(|last| last.generated_s).is_some_and(|known_s| (known_s - generated_s).abs() < 1e-3);
            if !is_known {
                self.learn_refresh(poll, generated_s, last.filter(|_| is_new == Some(true)));
            }
        } else if let (Some(last), Some(is_new)) = (last, is_new) {
            self.learn_bounds(poll, last, is_new);
        }
        if let (Some(last), Some(is_new), false) = (last, is_new, poll.is_again)
            && poll.sent_s - last.sent_s > self.period_s * 0.9
        {
            self.news = self.news * 0.8 + f64::from(u8::from(is_new)) * 0.2;
        }
    }

    /// A refresh at a known moment, unless the poll before, which did not find it, was later.
    fn learn_refresh(&mut self, poll: &Poll, generated_s: f64, older: Option<Last>) {
        let missed_s = older
            .filter(|last| last.sent_s > generated_s && last.generated_s.is_some_and(|older_s| older_s < generated_s))
            .map(|last| last.sent_s);
        let (from_s, to_s) = match missed_s {
            Some(missed_s) => (missed_s, poll.received_s.min(missed_s + STEP_S)),
            None => (generated_s, generated_s + 1e-3),
        };
        if self.known > KNOWN_MIN && self.circle.probability(from_s - 1.0, to_s + 1.0, self.period_s) < UNEXPECTED {
            self.known = 1;
        }
        let since_s = self.last.map_or(0.0, |last| (poll.sent_s - last.sent_s).max(0.0));
        let weight = (1.0 / f64::from(self.known + 1)).max(1.0 - (-since_s / FADED_S).exp());
        self.circle.add(from_s, to_s, self.period_s, weight);
        self.known = (self.known + 1).min(MEMORY - 1);
    }

    /// The usual refresh: half of them come before it.
    fn usual_s(&self) -> f64 {
        let best = self.circle.best(self.period_s);
        best.phase_s - self.circle.median_before(best.phase_s, self.period_s)
    }

    /// A change between two polls, or none: the refresh lies within, or probably not.
    fn learn_bounds(&mut self, poll: &Poll, last: Last, is_new: bool) {
        let period_s = self.period_s;
        if is_new {
            self.circle.weigh(last.sent_s, poll.received_s, period_s, 1.0, OUTSIDE);
        } else if poll.sent_s - last.received_s < period_s - 0.2 {
            self.circle.weigh(last.received_s, poll.sent_s, period_s, SILENCE, 1.0);
            self.silences += 1;
        }
        self.circle.forget(FORGOTTEN);
    }

    fn is_certain(&self) -> bool {
        let is_shown = self.known >= KNOWN_MIN || self.known == 0 && self.silences > 0;
        is_shown && self.circle.best(self.period_s).age_s < self.period_s / 4.0
    }

    /// Where the margin begins: the usual refresh, unless the latest ones would then be missed.
    fn phase_s(&self, margin_s: f64) -> f64 {
        let best = self.circle.best(self.period_s);
        let back_s = (best.phase_s - self.usual_s()).min((margin_s - MARGIN_KEPT_S).max(0.0));
        (best.phase_s - back_s).rem_euclid(self.period_s)
    }

    /// Whether to poll again, as a refresh that was due has not arrived.
    fn is_due(&self, poll: &Poll, was_certain: bool) -> bool {
        let is_near = (AGAIN_UNTIL_S..AGAIN_WITHIN_S).contains(&poll.to_start_s);
        was_certain
            && is_near
            && poll.is_aligned
            && !poll.is_again
            && self.slots >= AGAIN_SLOTS
            && self.news > AGAIN_NEWS
    }

    /// Shifts a slot so that the poll there halves what is possible, and the one after it so that the number of polls is that
    /// of the cadence.
    fn shift(&mut self, poll: &Poll) -> Option<f64> {
        if let Some(shifted_s) = self.shifted_s.take() {
            return Some(2.0 * poll.cadence_s - shifted_s).filter(|gap_s| *gap_s > 0.0);
        }
        let is_hopeless = self.silences == 0 && self.shifts >= SHIFTS_MAX;
        let enough_s = if self.is_found { LOST_S } else { FOUND_S };
        self.is_found = self.silences > 0 && self.circle.best(self.period_s).age_s < enough_s;
        let is_time = poll.to_start_s > SHIFT_UNTIL_S && poll.cadence_s <= SHIFT_CADENCE_MAX_S;
        if !is_time || is_hopeless || self.is_found || poll.is_again || self.known > 0 || self.last.is_none() {
            return None;
        }
        let best = self.circle.best(self.period_s);
        // Found, it seems, just after the slot: only from just after the refresh can silence prove it.
        let behind_s = (best.phase_s + poll.margin_s - poll.sent_s).rem_euclid(self.period_s);
        if self.silences == 0 && best.age_s < FOUND_S && behind_s < self.period_s / 2.0 {
            self.shifts += 1;
            return Some(poll.cadence_s + behind_s);
        }
        // A poll within a second would be a burst, and after a whole period it shows nothing.
        let gap_s = self.circle.median_after(poll.sent_s, self.period_s).clamp(1.0, self.period_s - 0.5);
        self.shifts += 1;
        self.shifted_s = Some(gap_s);
        Some(gap_s)
    }
}
