//! What the tables know of a race, as the core's state.

use crate::plan::{Moment, Plan, Rows, arg};
use pgrx::pg_sys::TEXTOID;
use raceday_core::{
    Category, Entrant, EntrantState, Meeting, Odds, Phase, PoolFlow, Pools, Progress, Race, RaceState, Results,
};
use std::collections::BTreeMap;

/// A race as the tables have it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What the core continues from.
    pub state: RaceState,
    /// Whether a meetings list tells of the meeting, and so owns its row.
    pub meeting_is_listed: bool,
    /// `created_at` of the newest history rows.
    pub rows_created_us: i64,
}

static LOAD_RACE: Plan = Plan::new(
    "select
        r.meeting_id, r.name, r.race_number::int8, r.start_time, r.status, r.phase, r.actual_start, r.distance::int8,
        r.track_condition, r.weather, r.type, r.protest, r.last_status_change, r.finalized_at, r.abandoned_at, r.polled_at,
        m.meeting_id, m.meeting_name, m.country, m.state, m.race_type, m.date::text, m.listed_at is not null,
        p.race_id is not null, (p.win_pool_total * 100)::int8, (p.place_pool_total * 100)::int8,
        (p.quinella_pool_total * 100)::int8, (p.trifecta_pool_total * 100)::int8, (p.exacta_pool_total * 100)::int8,
        (p.first4_pool_total * 100)::int8, (p.total_race_pool * 100)::int8, p.data_quality_score::int8, p.extracted_pools::int8,
        p.last_updated,
        s.results_available, s.results_data::text, s.dividends_data::text, s.fixed_odds_data::text, s.result_status,
        s.protest_lodged, s.result_time,
        g.processed_through, g.payload_hash, g.generated_at, g.event_timestamp, g.first_event_timestamp, g.last_event_timestamp,
        g.first_fetched_at, g.has_history, g.rows_created_at, g.entrant_ids, g.win_intervals, g.win_amounts, g.win_bases,
        g.place_intervals, g.place_amounts, g.place_bases, g.fixed_win_odds, g.fixed_place_odds, g.pool_win_odds, g.pool_place_odds
     from raceday.races r
     left join raceday.meetings m on m.meeting_id = r.meeting_id
     left join raceday.race_pools p on p.race_id = r.race_id
     left join raceday.race_results s on s.race_id = r.race_id
     left join raceday.race_progress g on g.race_id = r.race_id
     where r.race_id = $1",
    &[TEXTOID],
);

static LOAD_ENTRANTS: Plan = Plan::new(
    "select
        entrant_id, name, runner_number::int8, (win_odds * 100)::int8, (place_odds * 100)::int8, (pool_win_odds * 100)::int8,
        (pool_place_odds * 100)::int8, (hold_percentage * 100)::int8, (bet_percentage * 100)::int8, is_scratched, is_late_scratched,
        scratched_at, barrier::int8, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change, favourite, mover
     from raceday.entrants where race_id = $1",
    &[TEXTOID],
);

/// Loads a race; an unknown one is empty.
pub fn load(race_id: &str) -> Loaded {
    let rows = LOAD_RACE.run(&[arg(race_id)]);
    if rows.count() == 0 {
        return Loaded::default();
    }
    let mut columns = Columns { rows: &rows, row: 0, next: 1 };
    let race = race(&mut columns);
    let (meeting, meeting_is_listed) = meeting(&mut columns);
    let pools = pools(&mut columns);
    let results = results(&mut columns);
    let (progress, rows_created_us) = progress(&mut columns);
    let mut entrants = entrants(race_id);
    flows(&mut columns, &mut entrants);
    Loaded {
        state: RaceState { meeting, race: Some(race), entrants, pools, results, progress },
        meeting_is_listed,
        rows_created_us,
    }
}

/// As much of a race as it takes to know whether a payload continues it or repeats it.
#[derive(Debug)]
pub struct Newest {
    /// Its newest processed poll.
    pub progress: Option<Progress>,
    /// Whether payloads of it wait on the queue.
    pub has_pending: bool,
}

static LOAD_NEWEST: Plan = Plan::new(
    "select exists (select from raceday.pending_payloads q where q.race_id = $1),
        g.processed_through, g.payload_hash, g.generated_at, g.event_timestamp
     from (values (0)) one left join raceday.race_progress g on g.race_id = $1",
    &[TEXTOID],
);

/// Loads the newest poll of a race.
pub fn newest(race_id: &str) -> Newest {
    let rows = LOAD_NEWEST.run(&[arg(race_id)]);
    let mut columns = Columns { rows: &rows, row: 0, next: 1 };
    let has_pending = columns.take().unwrap_or_default();
    let processed_through = columns.moment();
    let progress = processed_through.map(|processed_through_us| Progress {
        processed_through_us,
        payload_hash: columns.take().unwrap_or_default(),
        generated_us: columns.moment(),
        event_us: columns.moment().unwrap_or_default(),
        ..Progress::default()
    });
    Newest { progress, has_pending }
}

/// Reads a row's columns one after the other.
struct Columns<'a> {
    rows: &'a Rows,
    row: usize,
    next: i32,
}

impl Columns<'_> {
    fn take<T: pgrx::FromDatum>(&mut self) -> Option<T> {
        self.next += 1;
        self.rows.get(self.row, self.next - 1)
    }

    fn moment(&mut self) -> Option<i64> {
        self.take::<Moment>().map(|moment| moment.0)
    }
}

fn race(columns: &mut Columns) -> Race {
    Race {
        meeting_id: columns.take(),
        name: columns.take(),
        race_number: columns.take(),
        start_us: columns.moment().unwrap_or_default(),
        status: columns.take().unwrap_or_default(),
        phase: Phase::from_stored(columns.take::<&str>().unwrap_or_default()),
        actual_start_us: columns.moment(),
        distance: columns.take(),
        track_condition: columns.take(),
        weather: columns.take(),
        category: columns.take::<&str>().and_then(Category::from_letter).unwrap_or_default(),
        protest: columns.take().unwrap_or_default(),
        last_status_change_us: columns.moment(),
        finalized_us: columns.moment(),
        abandoned_us: columns.moment(),
        polled_us: columns.moment().unwrap_or_default(),
    }
}

fn meeting(columns: &mut Columns) -> (Option<Meeting>, bool) {
    let meeting_id: Option<String> = columns.take();
    let (name, country, state) = (columns.take(), columns.take(), columns.take());
    let category = columns.take::<&str>().and_then(Category::from_race_type).unwrap_or_default();
    let date = columns.take();
    let is_listed = columns.take().unwrap_or(false);
    let meeting = meeting_id.map(|meeting_id| Meeting { meeting_id, name, country, state, category, date });
    (meeting, is_listed)
}

fn pools(columns: &mut Columns) -> Option<Pools> {
    let is_there = columns.take().unwrap_or(false);
    let pools = Pools {
        win: columns.take(),
        place: columns.take(),
        quinella: columns.take(),
        trifecta: columns.take(),
        exacta: columns.take(),
        first4: columns.take(),
        total: columns.take().unwrap_or_default(),
        quality: columns.take().unwrap_or_default(),
        extracted: columns.take().unwrap_or_default(),
        last_updated_us: columns.moment().unwrap_or_default(),
    };
    is_there.then_some(pools)
}

fn results(columns: &mut Columns) -> Option<Results> {
    let available: Option<bool> = columns.take();
    let results = Results {
        available: available.unwrap_or_default(),
        placings: columns.take().unwrap_or_default(),
        dividends: columns.take().unwrap_or_default(),
        fixed_odds: columns.take().unwrap_or_default(),
        status: columns.take::<&str>().and_then(Results::known_status),
        protest: columns.take().unwrap_or_default(),
        result_us: columns.moment().unwrap_or_default(),
    };
    available.map(|_| results)
}

fn progress(columns: &mut Columns) -> (Option<Progress>, i64) {
    let processed_through = columns.moment();
    let progress = Progress {
        processed_through_us: processed_through.unwrap_or_default(),
        payload_hash: columns.take().unwrap_or_default(),
        generated_us: columns.moment(),
        event_us: columns.moment().unwrap_or_default(),
        first_event_us: columns.moment().unwrap_or_default(),
        last_event_us: columns.moment().unwrap_or_default(),
        first_fetched_us: columns.moment().unwrap_or_default(),
        has_history: columns.take().unwrap_or_default(),
    };
    let rows_created = columns.moment().unwrap_or_default();
    (processed_through.map(|_| progress), rows_created)
}

fn entrants(race_id: &str) -> BTreeMap<String, EntrantState> {
    let rows = LOAD_ENTRANTS.run(&[arg(race_id)]);
    (0..rows.count())
        .filter_map(|row| {
            let mut columns = Columns { rows: &rows, row, next: 1 };
            Some((columns.take()?, EntrantState { entrant: entrant(&mut columns), ..EntrantState::default() }))
        })
        .collect()
}

fn entrant(columns: &mut Columns) -> Entrant {
    Entrant {
        name: columns.take(),
        runner_number: columns.take(),
        odds: Odds {
            fixed_win: columns.take(),
            fixed_place: columns.take(),
            pool_win: columns.take(),
            pool_place: columns.take(),
        },
        hold: columns.take(),
        bet: columns.take(),
        is_scratched: columns.take().unwrap_or_default(),
        is_late_scratched: columns.take().unwrap_or_default(),
        scratched_us: columns.moment(),
        barrier: columns.take(),
        jockey: columns.take(),
        trainer_name: columns.take(),
        silk_colours: columns.take(),
        silk_url_64: columns.take(),
        silk_url_128: columns.take(),
        runner_change: columns.take(),
        favourite: columns.take().unwrap_or_default(),
        mover: columns.take().unwrap_or_default(),
    }
}

/// The arrays of `race_progress`, in step with its `entrant_ids`.
fn flows(columns: &mut Columns, entrants: &mut BTreeMap<String, EntrantState>) {
    let ids: Vec<String> = columns.take().unwrap_or_default();
    let arrays: [Vec<Option<i64>>; 10] = std::array::from_fn(|_| columns.take().unwrap_or_default());
    let value = |array: usize, at: usize| arrays[array].get(at).copied().flatten();
    for (at, entrant_id) in ids.into_iter().enumerate() {
        let state = entrants.entry(entrant_id).or_default();
        let flow =
            |first: usize| PoolFlow { last: value(first, at).zip(value(first + 1, at)), base: value(first + 2, at) };
        state.win = flow(0);
        state.place = flow(3);
        state.recorded = Odds {
            fixed_win: value(6, at),
            fixed_place: value(7, at),
            pool_win: value(8, at),
            pool_place: value(9, at),
        };
    }
}
