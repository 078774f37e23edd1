//! The account: every response of the simulator and what became of it.
//!
//! What is known for certain, and from where:
//! - the simulator: each response whose last byte it passed to the operating system, which fetcher requested it, on which
//!   connection, whether that connection was used again, and how it ended;
//! - each fetcher's log, which outlives it: that it had an answer whole (`answer.received`), that it was on disk
//!   (`answer.kept`), that it was the race's last over again (`answer.unchanged`), or that it did not have it whole
//!   (`request.failed`, `request.abandoned`);
//! - this program: which fetchers it killed.
//!
//! A fetcher promises to stage what it has on disk. A response that it never reported as such may be missing only if the
//! fetcher was killed before it could have been; anything else that is missing is lost. No clocks are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A response body: its race and its hash.
pub type Body = (String, String);

/// How a connection ended, as seen by the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By the fetcher, which had read everything that had arrived.
    Closed,
    /// By the fetcher, with bytes of the response unread.
    Reset,
    /// By the simulator.
    Here,
}

/// A response of the simulator.
#[derive(Debug, Clone)]
pub struct Response {
    #[allow(missing_docs)]
    pub body: Body,
    /// The fetcher that requested it.
    pub fetcher: String,
    #[allow(missing_docs)]
    pub request_id: String,
    /// Whether the connection carried no request after this one.
    pub last_on_connection: bool,
    /// How the connection ended; `None` while it is open.
    pub end: Option<End>,
}

/// What a fetcher reported about a request; the last report counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It has the body in memory.
    Received,
    /// It has the body on disk, fetched at this time in microseconds since the epoch.
    Kept { hash: String, at_us: i64 },
    /// The body repeats the race's previous one.
    Unchanged,
    /// It never had the complete body.
    Incomplete,
}

/// One run of a fetcher.
#[derive(Debug, Default)]
pub struct Life {
    /// Whether it was killed; otherwise it was stopped.
    pub killed: bool,
    /// Its last report on each request, by request id.
    pub words: BTreeMap<String, Word>,
}

/// For each staged body, the times of fetching in microseconds since the epoch.
pub type Staged = BTreeMap<Body, Vec<i64>>;

/// The account of a run.
#[derive(Debug, Default)]
pub struct Account {
    /// All responses.
    responses: usize,
    /// Repeats the race's previous body: the fetcher notes it and does not stage it.
    repeated: usize,
    /// Abandoned by a running fetcher, which reported it.
    abandoned: usize,
    /// The fetcher was killed with bytes unread.
    cut_off_unread: usize,
    /// The fetcher was killed before it reported the response.
    cut_off_unreported: usize,
    /// The fetcher was killed with the response in memory, not yet on disk.
    cut_off_in_memory: usize,
    /// Staged rows.
    staged: usize,
    /// Staged rows that duplicate another.
    staged_twice: usize,
    /// Staged rows with a body that the simulator never sent.
    foreign: usize,
    lost: Vec<Lost>,
}

/// A response that should be staged and is not.
#[derive(Debug)]
struct Lost {
    response: Response,
    why: &'static str,
}

/// What became of a response.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Staged,
    Repeated,
    Abandoned,
    CutOffUnread,
    CutOffUnreported,
    CutOffInMemory,
    Lost(&'static str),
}

impl Account {
    /// Whether every response is staged exactly once, except those that no fetcher could have staged.
    pub fn balances(&self) -> bool {
        self.lost.is_empty() && self.staged_twice == 0 && self.foreign == 0 && self.staged == self.to_be_staged()
    }

    fn cut_off(&self) -> usize {
        self.cut_off_unread + self.cut_off_unreported + self.cut_off_in_memory
    }

    fn to_be_staged(&self) -> usize {
        self.responses - self.repeated - self.abandoned - self.cut_off()
    }

    fn note(&mut self, response: Response, fate: Fate) {
        match fate {
            Fate::Staged => {}
            Fate::Repeated => self.repeated += 1,
            Fate::Abandoned => self.abandoned += 1,
            Fate::CutOffUnread => self.cut_off_unread += 1,
            Fate::CutOffUnreported => self.cut_off_unreported += 1,
            Fate::CutOffInMemory => self.cut_off_in_memory += 1,
            Fate::Lost(why) => self.lost.push(Lost { response, why }),
        }
    }
}

/// Determines what became of every response. `responses` are in the order of sending; `lives` has every fetcher of the run.
pub fn settle(responses: Vec<Response>, lives: &BTreeMap<String, Life>, staged: Staged) -> Account {
    let mut account =
        Account { responses: responses.len(), staged: staged.values().map(Vec::len).sum(), ..Account::default() };
    let bodies: BTreeSet<Body> = responses.iter().map(|response| response.body.clone()).collect();
    let mut book = Book {
        lives,
        rows: staged,
        taken: BTreeMap::new(),
        kept: kept(&responses, lives),
        polled_again: polled_again(&responses),
    };
    // Responses with a known row come first: the remaining rows may belong to those that a killed fetcher did not report.
    let (named, unnamed): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .enumerate()
        .partition(|(_, response)| matches!(book.word(response), Some(Word::Kept { .. })));
    for (number, response) in named.into_iter().chain(unnamed) {
        let fate = book.fate(number, &response);
        account.note(response, fate);
    }
    for (body, rows) in book.rows {
        *if bodies.contains(&body) { &mut account.staged_twice } else { &mut account.foreign } += rows.len();
    }
    account
}

/// The bodies that each fetcher had on disk.
fn kept(responses: &[Response], lives: &BTreeMap<String, Life>) -> BTreeSet<(String, Body)> {
    let kept = |response: &&Response| {
        matches!(
            lives.get(&response.fetcher).and_then(|life| life.words.get(&response.request_id)),
            Some(Word::Kept { .. })
        )
    };
    responses.iter().filter(kept).map(|response| (response.fetcher.clone(), response.body.clone())).collect()
}

/// The number of the last response that each fetcher got about each race.
fn polled_again(responses: &[Response]) -> BTreeMap<(String, String), usize> {
    responses
        .iter()
        .enumerate()
        .map(|(number, response)| ((response.fetcher.clone(), response.body.0.clone()), number))
        .collect()
}

/// The evidence, with the staged rows that have not been matched to a response yet.
struct Book<'a> {
    lives: &'a BTreeMap<String, Life>,
    rows: Staged,
    taken: BTreeMap<Body, BTreeSet<i64>>,
    kept: BTreeSet<(String, Body)>,
    polled_again: BTreeMap<(String, String), usize>,
}

impl Book<'_> {
    fn word(&self, response: &Response) -> Option<&Word> {
        self.lives.get(&response.fetcher)?.words.get(&response.request_id)
    }

    fn fate(&mut self, number: usize, response: &Response) -> Fate {
        let Some(life) = self.lives.get(&response.fetcher) else {
            return Fate::Lost("requested by no fetcher of this run");
        };
        match life.words.get(&response.request_id) {
            Some(Word::Kept { hash, .. }) if *hash != response.body.1 => Fate::Lost("on disk with another body"),
            Some(Word::Kept { at_us, .. }) if self.take(&response.body, Some(*at_us)) => Fate::Staged,
            Some(Word::Kept { .. }) => Fate::Lost("on disk, but not staged"),
            Some(Word::Unchanged) if self.kept.contains(&(response.fetcher.clone(), response.body.clone())) => {
                Fate::Repeated
            }
            Some(Word::Unchanged) => Fate::Lost("reported as unchanged, but not on disk before"),
            Some(Word::Incomplete) if response.last_on_connection && response.end.is_some() => Fate::Abandoned,
            Some(Word::Incomplete) => Fate::Lost("reported as incomplete, but the connection was used again"),
            // Killed between renaming the file and reporting it: the next fetcher staged the file.
            Some(Word::Received) | None if self.take(&response.body, None) => Fate::Staged,
            Some(Word::Received) | None if !life.killed => {
                Fate::Lost("not mentioned again by a fetcher that was not killed")
            }
            Some(Word::Received) | None if self.is_polled_again(number, response) => {
                Fate::Lost("not mentioned again by a fetcher that went on to poll the race")
            }
            Some(Word::Received) => Fate::CutOffInMemory,
            None => Self::unreported(response),
        }
    }

    /// The fate of a response that a killed fetcher never mentioned: cut off, unless the fetcher did something after it.
    fn unreported(response: &Response) -> Fate {
        match response.end {
            _ if !response.last_on_connection => Fate::Lost("never mentioned, but the connection was used again"),
            Some(End::Reset) => Fate::CutOffUnread,
            Some(End::Closed) => Fate::CutOffUnreported,
            Some(End::Here) | None => Fate::Lost("never mentioned, on a connection that the fetcher did not end"),
        }
    }

    fn is_polled_again(&self, number: usize, response: &Response) -> bool {
        self.polled_again.get(&(response.fetcher.clone(), response.body.0.clone())).is_some_and(|last| *last > number)
    }

    /// Takes out a row with this body: the one fetched at `at_us` or, if that is unknown, one with a time not seen before.
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
        writeln!(formatter, "responses       {:>7}", self.responses)?;
        writeln!(
            formatter,
            "repeated        {:>7}  same body as the race's previous response: noted, not staged",
            self.repeated
        )?;
        writeln!(formatter, "abandoned       {:>7}  by a running fetcher that reported it", self.abandoned)?;
        writeln!(formatter, "cut off         {:>7}  by a kill of the fetcher that requested them:", self.cut_off())?;
        writeln!(formatter, "                {:>7}  with bytes unread", self.cut_off_unread)?;
        writeln!(formatter, "                {:>7}  before it reported them", self.cut_off_unreported)?;
        writeln!(formatter, "                {:>7}  in memory, not yet on disk", self.cut_off_in_memory)?;
        writeln!(formatter, "to be staged    {:>7}", self.to_be_staged())?;
        writeln!(formatter, "staged          {:>7}", self.staged)?;
        writeln!(formatter, "staged twice    {:>7}", self.staged_twice)?;
        writeln!(formatter, "never sent      {:>7}  but staged", self.foreign)?;
        write!(formatter, "lost            {:>7}", self.lost.len())?;
        for Lost { response, why } in self.lost.iter().take(20) {
            let Response { body: (race_id, hash), fetcher, request_id, last_on_connection, end } = response;
            write!(formatter, "\n    {race_id} {hash} ({fetcher}, request {request_id}): {why}")?;
            write!(formatter, "; last on its connection: {last_on_connection}, which ended: {end:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
