//! Floor, engine and reference side by side.

use anyhow::Result;

use crate::DATABASE;
use crate::compare;
use crate::database::Server;
use crate::feed::{Feed, Poll};
use crate::measure::{Crew, Measured};
use crate::report::{Aim, Figure, print_figures};
use crate::session::Way;

/// How many races are in work at a time, at the most: as the fetcher's default.
const MANY: usize = 5;

/// What was measured.
pub struct Figures {
    /// Each way with one connection and with many.
    pub all: Vec<Figure>,
    single: Measured,
    batch: Measured,
}

impl Figures {
    /// Measures after a warm-up with `first`, in rounds, so that what else runs hits all ways alike.
    pub async fn measure(server: &Server, feed: &mut Feed, first: Vec<Poll>, rounds: u32) -> Result<Self> {
        let mut all = Vec::new();
        let mut first = Some(first);
        for connections in [1, MANY] {
            let mut crews = Vec::new();
            for way in Way::ALL {
                crews.push((way, server.crew(DATABASE, way, connections).await?));
            }
            // In the order in which they were fetched: a late poll would be redone by the engine.
            for polls in first.take().into_iter().chain([feed.round()]) {
                for (_, crew) in &crews {
                    crew.block(&polls).await?;
                }
            }
            let measured = in_alternation(&crews, feed, rounds).await?;
            all.extend(crews.iter().zip(&measured).map(|((way, _), measured)| Figure::of(*way, connections, measured)));
        }
        // Up to here both have handled the same polls.
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

    /// The aims that these figures tell of.
    pub fn aims(&self) -> Vec<Aim> {
        let of = |way: Way, connections: usize| {
            let name = way.to_string();
            self.all.iter().find(|figure| figure.name == name && figure.connections == connections)
        };
        let mut aims = Vec::new();
        if let (Some(floor), Some(engine), Some(reference)) =
            (of(Way::Floor, 1), of(Way::Engine, 1), of(Way::Reference, 1))
        {
            aims.push(Aim::at_most("engine p50 : floor p50", engine.p50_ms / floor.p50_ms, 3.0, ""));
            aims.push(Aim::at_least("reference p50 : engine p50", reference.p50_ms / engine.p50_ms, 6.0, ""));
            aims.push(Aim::at_most("engine CPU a race", engine.cpu_ms_per_race, 1.7, " ms"));
        }
        if let (Some(engine), Some(reference)) = (of(Way::Engine, MANY), of(Way::Reference, MANY)) {
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

/// Rounds of one poll of every race in each way, each round in another order of the ways.
async fn in_alternation(crews: &[(Way, Crew)], feed: &mut Feed, rounds: u32) -> Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = crews.iter().map(|_| Measured::default()).collect();
    for round in 0..rounds as usize {
        let polls = feed.round();
        for turn in 0..crews.len() {
            let nth = (round + turn) % crews.len();
            measured[nth].add(crews[nth].1.block(&polls).await?);
        }
    }
    Ok(measured)
}

/// Single races and batches of the engine, round about.
async fn batches(server: &Server, feed: &mut Feed, rounds: u32) -> Result<(Measured, Measured)> {
    let crew = server.crew(DATABASE, Way::Engine, MANY).await?;
    let lone = server.crew(DATABASE, Way::Engine, 1).await?;
    crew.batches(&feed.round()).await?;
    lone.block(&feed.round()).await?;
    let (mut single, mut batch) = (Measured::default(), Measured::default());
    for _ in 0..rounds {
        single.add(lone.block(&feed.round()).await?);
        batch.add(crew.batches(&feed.round()).await?);
    }
    Ok((single, batch))
}
