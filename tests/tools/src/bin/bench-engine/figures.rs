//! Measures floor, engine and reference side by side.

use anyhow::Result;

use crate::DATABASE;
use crate::compare;
use crate::database::Server;
use crate::feed::{Feed, Poll};
use crate::measure::{Connections, Measured};
use crate::report::{Aim, Figure, print_figures};
use crate::session::Method;

/// The number of concurrent races; the fetcher's default maximum.
const MANY: usize = 5;

/// The measurements.
pub struct Figures {
    /// Each method with one connection and with many.
    pub all: Vec<Figure>,
    single: Measured,
    batch: Measured,
}

impl Figures {
    /// Measures the methods in turn, after a warm-up with `first`, so that other load on the machine affects all alike.
    pub async fn measure(server: &Server, feed: &mut Feed, first: Vec<Poll>, rounds: u32) -> Result<Self> {
        let mut all = Vec::new();
        let mut first = Some(first);
        for connections in [1, MANY] {
            let mut contenders = Vec::new();
            for method in Method::ALL {
                contenders.push((method, server.connections(DATABASE, method, connections).await?));
            }
            // In the order of fetching: the engine would redo a race for a late poll.
            for polls in first.take().into_iter().chain([feed.round()]) {
                for (_, contender) in &contenders {
                    contender.block(&polls).await?;
                }
            }
            let measured = alternate(&contenders, feed, rounds).await?;
            all.extend(
                contenders
                    .iter()
                    .zip(&measured)
                    .map(|((method, _), measured)| Figure::of(*method, connections, measured)),
            );
        }
        // So far, both have processed the same polls.
        compare::check(&server.connect(DATABASE).await?).await?;
        let (single, batch) = batches(server, feed, rounds).await?;
        Ok(Self { all, single, batch })
    }

    /// Prints the table.
    pub fn print(&self) {
        print_figures(&self.all);
        println!(
            "\nbatch of {MANY} races: p50 {:.2} ms ({} batches); one race: p50 {:.2} ms ({} races)",
            self.batch.p50_ms(),
            self.batch.count(),
            self.single.p50_ms(),
            self.single.count()
        );
    }

    /// The aims that these measurements decide.
    pub fn aims(&self) -> Vec<Aim> {
        let of = |method: Method, connections: usize| {
            let name = method.to_string();
            self.all.iter().find(|figure| figure.name == name && figure.connections == connections)
        };
        let mut aims = Vec::new();
        if let (Some(floor), Some(engine), Some(reference)) =
            (of(Method::Floor, 1), of(Method::Engine, 1), of(Method::Reference, 1))
        {
            aims.push(Aim::at_most("engine p50 : floor p50", engine.p50_ms / floor.p50_ms, 3.0, ""));
            aims.push(Aim::at_least("reference p50 : engine p50", reference.p50_ms / engine.p50_ms, 6.0, ""));
            aims.push(Aim::at_most("engine CPU per race", engine.cpu_ms_per_race, 1.7, " ms"));
        }
        if let (Some(engine), Some(reference)) = (of(Method::Engine, MANY), of(Method::Reference, MANY)) {
            let ratio = engine.races_per_s / reference.races_per_s;
            aims.push(Aim::at_least("engine races/s : reference races/s, 5 connections", ratio, 6.0, ""));
        }
        aims.push(Aim::at_most(
            "batch of 5 races p50 : one race p50",
            self.batch.p50_ms() / self.single.p50_ms(),
            3.0,
            "",
        ));
        aims
    }
}

/// Processes one poll of every race with each method per round, in a different order of methods each round.
async fn alternate(contenders: &[(Method, Connections)], feed: &mut Feed, rounds: u32) -> Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = contenders.iter().map(|_| Measured::default()).collect();
    for round in 0..rounds as usize {
        let polls = feed.round();
        for turn in 0..contenders.len() {
            let nth = (round + turn) % contenders.len();
            measured[nth].add(contenders[nth].1.block(&polls).await?);
        }
    }
    Ok(measured)
}

/// Measures the engine with single races and with batches, alternately.
async fn batches(server: &Server, feed: &mut Feed, rounds: u32) -> Result<(Measured, Measured)> {
    let many = server.connections(DATABASE, Method::Engine, MANY).await?;
    let one = server.connections(DATABASE, Method::Engine, 1).await?;
    many.batches(&feed.round()).await?;
    one.block(&feed.round()).await?;
    let (mut single, mut batch) = (Measured::default(), Measured::default());
    for _ in 0..rounds {
        single.add(one.block(&feed.round()).await?);
        batch.add(many.batches(&feed.round()).await?);
    }
    Ok((single, batch))
}
