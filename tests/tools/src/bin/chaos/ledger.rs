//! The account: every answer that the simulator gave, and what became of it.
//!
//! What is known for certain, and by whom:
//! - the simulator: each answer whose last byte it handed to the system, who asked for it, on which connection, whether
//!   that connection was used again, and how it ended;
//! - each fetcher's log, which outlives it: that it had an answer whole (`answer.received`), that it was on disk
//!   (`answer.kept`), that it was the race's last over again (`answer.unchanged`), or that it did not have it whole
//!   (`request.failed`, `request.given_up`);
//! - this program: which fetchers it killed.
//!
//! A fetcher promises to stage what it kept. What it never said to have kept may be missing only if it was killed before
//! it could have; anything else that is missing is lost. No time is compared with another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A body of a race: its race and the hash of it.
pub type Body = (String, String);

/// How a connection ended, as the simulator saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By the fetcher's side, which had read what had arrived.
    Closed,
    /// By the fetcher's side, with bytes of the answer unread.
    Reset,
    /// By the simulator.
    Here,
}

/// An answer that the simulator gave.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its race and the hash of its body.
    pub body: Body,
    /// Which fetcher asked.
    pub fetcher: String,
    /// The request's id.
    pub request_id: String,
    /// Whether the connection carried no request after this one.
    pub last_on_connection: bool,
    /// How the connection ended; none while it is open.
    pub end: Option<End>,
}

/// What a fetcher said of a request; the last word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It has the body, in memory.
    Received,
    /// It has the body of this hash on disk, as fetched at these microseconds of the epoch.
    Kept { hash: String, at_us: i64 },
    /// The body is the one it had of the race before.
    Unchanged,
    /// It never had the body whole.
    NotWhole,
}

/// A fetcher's life.
#[derive(Debug, Default)]
pub struct Life {
    /// Whether it was killed; else it ended in peace.
    pub killed: bool,
    /// Its last word of each request, by the request's id.
    pub words: BTreeMap<String, Word>,
}

/// What is staged: of each body, the microseconds of the epoch at which it was fetched.
pub type Staged = BTreeMap<Body, Vec<i64>>;

/// The account of a run.
#[derive(Debug, Default)]
pub struct Account {
    /// Answers given.
    answered: usize,
    /// The race's last body over again: noted by the fetcher, and not to be staged.
    repeated: usize,
    /// The fetcher lived, gave the request up and said so.
    given_up: usize,
    /// The fetcher was killed with bytes of it unread.
    cut_off_unread: usize,
    /// The fetcher was killed before it said that it had it.
    cut_off_unsaid: usize,
    /// The fetcher was killed between having it and having it on disk.
    cut_off_in_memory: usize,
    /// Rows of staging.
    staged: usize,
    /// Rows of staging that say once more what another one says.
    staged_twice: usize,
    /// Rows of staging that the simulator never gave.
    foreign: usize,
    lost: Vec<Lost>,
}

/// An answer that should be staged and is not.
#[derive(Debug)]
struct Lost {
    given: Given,
    why: &'static str,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Staged,
    Repeated,
    GivenUp,
    CutOffUnread,
    CutOffUnsaid,
    CutOffInMemory,
    Lost(&'static str),
}

impl Account {
    /// Whether every answer is staged exactly once, but for those that no fetcher could have staged.
    pub fn is_even(&self) -> bool {
        self.lost.is_empty() && self.staged_twice == 0 && self.foreign == 0 && self.staged == self.to_be_staged()
    }

    fn cut_off(&self) -> usize {
        self.cut_off_unread + self.cut_off_unsaid + self.cut_off_in_memory
    }

    fn to_be_staged(&self) -> usize {
        self.answered - self.repeated - self.given_up - self.cut_off()
    }

    fn note(&mut self, given: Given, fate: Fate) {
        match fate {
            Fate::Staged => {}
            Fate::Repeated => self.repeated += 1,
            Fate::GivenUp => self.given_up += 1,
            Fate::CutOffUnread => self.cut_off_unread += 1,
            Fate::CutOffUnsaid => self.cut_off_unsaid += 1,
            Fate::CutOffInMemory => self.cut_off_in_memory += 1,
            Fate::Lost(why) => self.lost.push(Lost { given, why }),
        }
    }
}

/// Settles what became of every answer. `given` is in the order of giving; `lives` are all fetchers that ever asked.
pub fn settle(given: Vec<Given>, lives: &BTreeMap<String, Life>, staged: Staged) -> Account {
    let mut account =
        Account { answered: given.len(), staged: staged.values().map(Vec::len).sum(), ..Account::default() };
    let bodies: BTreeSet<Body> = given.iter().map(|given| given.body.clone()).collect();
    let mut book = Book {
        lives,
        rows: staged,
        taken: BTreeMap::new(),
        kept: kept(&given, lives),
        asked_again: asked_again(&given),
    };
    // First those that name their row: what is left then may belong to those whose fetcher could not say so any more.
    let (named, unnamed): (Vec<_>, Vec<_>) =
        given.into_iter().enumerate().partition(|(_, given)| matches!(book.word(given), Some(Word::Kept { .. })));
    for (number, given) in named.into_iter().chain(unnamed) {
        let fate = book.fate(number, &given);
        account.note(given, fate);
    }
    for (body, rows) in book.rows {
        *if bodies.contains(&body) { &mut account.staged_twice } else { &mut account.foreign } += rows.len();
    }
    account
}

/// What each fetcher kept.
fn kept(given: &[Given], lives: &BTreeMap<String, Life>) -> BTreeSet<(String, Body)> {
    let kept = |given: &&Given| {
        matches!(lives.get(&given.fetcher).and_then(|life| life.words.get(&given.request_id)), Some(Word::Kept { .. }))
    };
    given.iter().filter(kept).map(|given| (given.fetcher.clone(), given.body.clone())).collect()
}

/// The last answer that each fetcher got of each race, by its number.
fn asked_again(given: &[Given]) -> BTreeMap<(String, String), usize> {
    given.iter().enumerate().map(|(number, given)| ((given.fetcher.clone(), given.body.0.clone()), number)).collect()
}

/// What is known, with the rows of staging that no answer has been found for yet.
struct Book<'a> {
    lives: &'a BTreeMap<String, Life>,
    rows: Staged,
    taken: BTreeMap<Body, BTreeSet<i64>>,
    kept: BTreeSet<(String, Body)>,
    asked_again: BTreeMap<(String, String), usize>,
}

impl Book<'_> {
    fn word(&self, given: &Given) -> Option<&Word> {
        self.lives.get(&given.fetcher)?.words.get(&given.request_id)
    }

    fn fate(&mut self, number: usize, given: &Given) -> Fate {
        let Some(life) = self.lives.get(&given.fetcher) else {
            return Fate::Lost("asked for by no fetcher of this run");
        };
        match life.words.get(&given.request_id) {
            Some(Word::Kept { hash, .. }) if *hash != given.body.1 => Fate::Lost("kept with another body"),
            Some(Word::Kept { at_us, .. }) if self.take(&given.body, Some(*at_us)) => Fate::Staged,
            Some(Word::Kept { .. }) => Fate::Lost("kept, and not staged"),
            Some(Word::Unchanged) if self.kept.contains(&(given.fetcher.clone(), given.body.clone())) => Fate::Repeated,
            Some(Word::Unchanged) => Fate::Lost("said to be unchanged, and never kept before"),
            Some(Word::NotWhole) if given.last_on_connection && given.end.is_some() => Fate::GivenUp,
            Some(Word::NotWhole) => Fate::Lost("said not to be whole, and the connection used again"),
            // Killed between the file's renaming and the word of it: the next fetcher has staged the file.
            Some(Word::Received) | None if self.take(&given.body, None) => Fate::Staged,
            Some(Word::Received) | None if !life.killed => {
                Fate::Lost("never mentioned again by a fetcher that lived on")
            }
            Some(Word::Received) | None if self.is_asked_again(number, given) => {
                Fate::Lost("never mentioned again by a fetcher that went on to the race's next poll")
            }
            Some(Word::Received) => Fate::CutOffInMemory,
            None => Self::unsaid(given),
        }
    }

    /// An answer of which a killed fetcher had said nothing: it is cut off if the fetcher had done nothing after it.
    fn unsaid(given: &Given) -> Fate {
        match given.end {
            _ if !given.last_on_connection => Fate::Lost("never mentioned, and the connection used again"),
            Some(End::Reset) => Fate::CutOffUnread,
            Some(End::Closed) => Fate::CutOffUnsaid,
            Some(End::Here) | None => Fate::Lost("never mentioned, on a connection that the fetcher never ended"),
        }
    }

    fn is_asked_again(&self, number: usize, given: &Given) -> bool {
        self.asked_again.get(&(given.fetcher.clone(), given.body.0.clone())).is_some_and(|last| *last > number)
    }

    /// Takes a row of this body out of the book: the one fetched at `at_us`, or, if that is not known, one that says nothing
    /// which another row has said.
    fn take(&mut self, body: &Body, at_us: Option<i64>) -> bool {
        let Some(rows) = self.rows.get_mut(body) else { return false };
        let taken = self.taken.entry(body.clone()).or_default();
        let place = rows.iter().position(|row_us| at_us.map_or(!taken.contains(row_us), |at_us| at_us == *row_us));
        let row_us = place.map(|place| rows.swap_remove(place));
        taken.extend(row_us);
        row_us.is_some()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "answered        {:>7}", self.answered)?;
        writeln!(
            formatter,
            "repeated        {:>7}  the race's last body over again: noted, not staged",
            self.repeated
        )?;
        writeln!(formatter, "given up        {:>7}  by a fetcher that lived and said so", self.given_up)?;
        writeln!(formatter, "cut off         {:>7}  by the kill of the fetcher that had asked:", self.cut_off())?;
        writeln!(formatter, "                {:>7}  with bytes it had not read", self.cut_off_unread)?;
        writeln!(formatter, "                {:>7}  before it said that it had them", self.cut_off_unsaid)?;
        writeln!(formatter, "                {:>7}  in its memory, not yet on its disk", self.cut_off_in_memory)?;
        writeln!(formatter, "to be staged    {:>7}", self.to_be_staged())?;
        writeln!(formatter, "staged          {:>7}", self.staged)?;
        writeln!(formatter, "staged twice    {:>7}", self.staged_twice)?;
        writeln!(formatter, "never answered  {:>7}  but staged", self.foreign)?;
        write!(formatter, "lost            {:>7}", self.lost.len())?;
        for Lost { given, why } in self.lost.iter().take(20) {
            let Given { body: (race_id, hash), fetcher, request_id, last_on_connection, end } = given;
            write!(formatter, "\n    {race_id} {hash} ({fetcher}, request {request_id}): {why}")?;
            write!(formatter, "; last on its connection: {last_on_connection}, which ended: {end:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
