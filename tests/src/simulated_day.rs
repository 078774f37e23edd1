//! A day of the simulator's races in a database, polled as a fetcher polls them, in no time.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nztab_sim::day::Category;
use nztab_sim::fate::Fate;
use nztab_sim::{MeetingsQuery, Simulator, day};
use postgres::Client;

/// Seconds from the advertised start to each poll before it.
const BEFORE: [i64; 16] = [-3600, -1800, -900, -600, -300, -240, -180, -120, -90, -60, -45, -30, -15, 0, 15, 30];
/// The tables that are derived from payloads, each with its key.
pub const DERIVED: [(&str, &str); 7] = [
    ("meetings", "meeting_id"),
    ("races", "race_id"),
    ("entrants", "race_id, entrant_id"),
    ("race_pools", "race_id"),
    ("race_results", "race_id"),
    ("money_flow_history", "race_id, event_timestamp, entrant_id, type, time_interval"),
    ("odds_history", "race_id, event_timestamp, entrant_id, type"),
];

/// Creates the partitions of the UTC days of a time.
pub fn create_partitions(client: &mut Client, from: DateTime<Utc>, to: DateTime<Utc>) {
    let sql = "select count(partman.create_partition_time(p.parent_table, array[d.day])), set_config('timezone', 'UTC', false)
               from partman.part_config p, generate_series(date_trunc('day', $1::timestamptz, 'UTC'), $2, interval '24 hours') d (day)
               where p.parent_table like 'raceday.%'";
    client.batch_execute("set timezone = 'UTC'").unwrap();
    client.query_one(sql, &[&from, &to]).unwrap();
}

/// Polls the first `races` New Zealand races of a day from an hour before their start to their end, some 20 times each, and
/// the day's list before them. Returns the races' ids.
pub fn poll_day(client: &mut Client, seed: u64, date: NaiveDate, races: usize) -> Vec<String> {
    poll_day_at(client, seed, date, races, |fate| {
        let after = [fate.actual_start + 20, fate.interim_at + 20, fate.final_at + 20];
        BEFORE.iter().map(|seconds| fate.first_start + seconds).chain(after).collect()
    })
}

/// The moments at which a fetcher polls a race: every 60, then 30, then 15 seconds, until it is final.
pub fn cadence(fate: &Fate) -> Vec<i64> {
    let start = fate.first_start;
    let early = (start - 3900..start - 900).step_by(60).chain((start - 900..start - 300).step_by(30));
    early.chain((start - 300..fate.final_at + 30).step_by(15)).collect()
}

/// The same, polled at these moments, in Unix seconds.
pub fn poll_day_at(
    client: &mut Client,
    seed: u64,
    date: NaiveDate,
    races: usize,
    moments: impl Fn(&Fate) -> Vec<i64>,
) -> Vec<String> {
    let simulator = Simulator::with(seed);
    let midnight = day::nz_midnight(date);
    create_partitions(client, midnight, midnight + TimeDelta::hours(36));
    let listed_at = midnight + TimeDelta::hours(6);
    let followed = ["T", "H"].map(str::to_owned).to_vec();
    let query = MeetingsQuery { categories: Some(followed), ..MeetingsQuery::day(date) };
    let list = simulator.meetings(&query, listed_at);
    ingest(client, "meetings", &format!("meetings:{date}"), listed_at, &list);
    let meetings = simulator.meetings_between(date, date);
    let followed = meetings.iter().filter(|meeting| meeting.country == "NZ" && meeting.category != Category::Greyhound);
    let cards = followed.flat_map(|meeting| &meeting.races);
    let cards: Vec<_> = cards.take(races).collect();
    assert_eq!(cards.len(), races, "the simulated day has too few races");
    for card in &cards {
        let mut times = moments(&card.fate);
        times.sort_unstable();
        for seconds in times {
            let at = DateTime::from_timestamp(seconds, 250_000_000).unwrap();
            let Some(body) = simulator.event(&card.id, at) else { continue };
            ingest(client, "event", &card.id, at + TimeDelta::milliseconds(150), &body);
        }
    }
    cards.iter().map(|card| card.id.clone()).collect()
}

fn ingest(client: &mut Client, kind: &str, key: &str, at: DateTime<Utc>, body: &str) {
    let sql = "select status, error from raceday.raceday_ingest($1, $2, $3, $4, null)";
    let row = client.query_one(sql, &[&kind, &key, &at, &body]).unwrap();
    assert!(["ok", "idle"].contains(&row.get(0)), "{key} {at}: {:?}", row.get::<_, Option<&str>>(1));
}

/// Every derived row, without ids and times of writing, one line per row.
pub fn derived_rows(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    for (table, key) in DERIVED {
        let sql = format!(
            "select $1 || ' ' || (to_jsonb(t) - 'id' - 'created_at' - 'updated_at')::text from raceday.{table} t order by {key}"
        );
        lines.extend(client.query(&sql, &[&table]).unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    lines
}
