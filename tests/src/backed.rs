//! A race with unusual late money on one runner: the worked example of docs/movers.md.

use chrono::{DateTime, Duration, Utc};
use postgres::Client;
use serde_json::{Value, json};

use crate::payloads;

/// The runners, by number from 1; Alder is backed.
pub const NAMES: [&str; 4] = ["Alder", "Birch", "Cedar", "Dogwood"];

/// Their shares of the money, as the money tracker reports them throughout.
const HOLDS: [i64; 4] = [10, 40, 30, 20];

/// A poll of the race.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each field is a figure of the page")]
pub struct Moment {
    pub seconds_to_start: i64,
    pub pool_dollars: i64,
    pub tote: [f64; 4],
    pub fixed: [f64; 4],
}

/// The polls before which nothing is known, at which Alder reaches 1 race in 20, and at which it reaches 1 in 200.
pub const MOMENTS: [Moment; 3] = [
    Moment { seconds_to_start: 90, pool_dollars: 40_000, tote: [8.5, 2.1, 2.8, 4.2], fixed: [8.0, 2.0, 2.7, 4.0] },
    Moment { seconds_to_start: 75, pool_dollars: 47_200, tote: [5.6, 2.2, 3.0, 4.5], fixed: [8.0, 2.0, 2.7, 4.0] },
    Moment { seconds_to_start: 60, pool_dollars: 52_600, tote: [4.6, 2.3, 3.1, 4.6], fixed: [7.0, 2.1, 2.8, 4.2] },
];

/// A race of the example.
#[derive(Debug)]
#[allow(missing_docs, reason = "each field is what it names")]
pub struct Backed {
    pub race_id: String,
    pub start: DateTime<Utc>,
}

impl Backed {
    /// A race of which no poll is staged yet; the last of [`MOMENTS`] is now.
    pub fn new(race_id: &str) -> Self {
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
        Self { race_id: race_id.to_owned(), start: now + Duration::seconds(MOMENTS[2].seconds_to_start) }
    }

    /// A race with all of its polls in the database.
    pub fn polled(client: &mut Client, race_id: &str) -> Self {
        let race = Self::new(race_id);
        for moment in &MOMENTS {
            race.poll(client, moment);
        }
        race
    }

    /// Alder's id, or that of another runner by its number.
    pub fn entrant_id(&self, number: usize) -> String {
        format!("{}-{}", self.race_id, NAMES[number - 1].to_lowercase())
    }

    /// Stages and processes a poll.
    pub fn poll(&self, client: &mut Client, moment: &Moment) {
        let (at, payload) = self.response(moment);
        payloads::stage(client, &self.race_id, at, &payload);
        let processed = payloads::process(client, &self.race_id);
        assert_eq!(processed.status, "ok", "{processed:?}");
    }

    /// A poll: when it was fetched, and the TAB's response.
    pub fn response(&self, moment: &Moment) -> (DateTime<Utc>, String) {
        let at = self.start - Duration::seconds(moment.seconds_to_start);
        (at, self.payload(moment, "Open").to_string())
    }

    /// Stages and processes the result: Alder won.
    pub fn finish(&self, client: &mut Client) {
        let mut payload = self.payload(&MOMENTS[2], "Final");
        let placing = |(position, number): (usize, usize)| json!({"position": position, "runner_number": number, "name": NAMES[number - 1], "entrant_id": self.entrant_id(number)});
        payload["data"]["results"] = [(1, 1), (2, 3), (3, 2)].into_iter().map(placing).collect();
        let paid = |product: &str, dividend: f64| json!({"product_name": product, "dividend": dividend, "status": "Final", "positions": [{"runner_number": 1, "position": 1}]});
        payload["data"]["dividends"] = json!([paid("Pool Win", 4.5), paid("Pool Place", 1.7)]);
        payloads::stage(client, &self.race_id, self.start + Duration::seconds(300), &payload.to_string());
        assert_eq!(payloads::process(client, &self.race_id).status, "ok");
    }

    fn payload(&self, moment: &Moment, status: &str) -> Value {
        let runners: Vec<Value> = (0..4)
            .map(|at| {
                json!({
                    "entrant_id": self.entrant_id(at + 1), "name": NAMES[at], "runner_number": at + 1, "is_scratched": false,
                    "odds": {"pool_win": moment.tote[at], "fixed_win": moment.fixed[at]},
                })
            })
            .collect();
        let held = |at: usize| json!({"entrant_id": self.entrant_id(at + 1), "hold_percentage": HOLDS[at], "bet_percentage": 4});
        let bet = json!({
            "stake": 2000, "place_time": (self.start - Duration::seconds(70)).to_rfc3339(),
            "legs": [{"race": {"race_number": 7, "entrant_number": 1}}],
        });
        json!({"data": {
            "race": {
                "event_id": self.race_id, "meeting_id": format!("{}-m", self.race_id), "meeting_name": "Ellerslie", "country": "NZ",
                "description": "Worked Example", "race_number": 7, "type": "T", "status": status,
                "advertised_start": self.start.timestamp(),
            },
            "runners": runners,
            "money_tracker": {"entrants": (0..4).map(held).collect::<Vec<Value>>()},
            "tote_pools": [{"product_type": "Win", "total": moment.pool_dollars}],
            "big_bets": if moment.seconds_to_start > 70 { json!([]) } else { json!([bet]) },
        }})
    }
}
