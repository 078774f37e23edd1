//! Rows and states as text that a person can check.

use raceday_core::{Odds, PollRows, RaceState, format_hundredths};
use std::fmt::Write;

/// Hundredths with two decimals; `-` for none.
pub fn money(value: Option<i64>) -> String {
    value.map_or_else(|| "-".to_owned(), format_hundredths)
}

/// A number; `-` for none.
pub fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn text(value: Option<&str>) -> &str {
    value.unwrap_or("-")
}

/// A moment in UTC.
pub fn moment(us: i64) -> String {
    chrono::DateTime::from_timestamp_micros(us).unwrap().format("%H:%M:%S%.3f").to_string()
}

/// The header of [`history_row`].
pub fn history_head() -> String {
    format!(
        "{:>12} {:>6} {:>4} {:>4} {:>4} | {:>6} {:>6} | {:>9} {:>6} {:>8} | {:>9} {:>6} {:>8} | {:>6} {:>9} | odds",
        "event",
        "secs",
        "min",
        "bckt",
        "type",
        "hold",
        "bet",
        "win",
        "%",
        "incr",
        "place",
        "%",
        "incr",
        "tote%",
        "tote"
    )
}

/// One runner's row of a poll.
pub fn history_row(poll: &PollRows, at: usize) -> String {
    let rows = &poll.history;
    format!(
        "{:>12} {:>6} {:>4} {:>4} {:>4} | {:>6} {:>6} | {:>9} {:>6} {:>8} | {:>9} {:>6} {:>8} | {:>6} {:>9} | {} {} {} {}",
        moment(poll.event_us),
        poll.seconds_to_start,
        poll.time_to_start,
        poll.time_interval,
        poll.interval_type,
        money(rows.hold[at]),
        money(rows.bet[at]),
        number(rows.win_pool_amount[at]),
        money(rows.win_pool_percentage[at]),
        number(rows.incremental_win_amount[at]),
        number(rows.place_pool_amount[at]),
        money(rows.place_pool_percentage[at]),
        number(rows.incremental_place_amount[at]),
        money(rows.tote_win_percentage[at]),
        number(rows.tote_win_amount[at]),
        money(rows.fixed_win_odds[at]),
        money(rows.fixed_place_odds[at]),
        money(rows.pool_win_odds[at]),
        money(rows.pool_place_odds[at]),
    )
}

fn odds(odds: &Odds) -> String {
    [odds.fixed_win, odds.fixed_place, odds.pool_win, odds.pool_place].map(money).join(" ")
}

/// The current state of a race.
pub fn state(state: &RaceState) -> String {
    let mut out = String::new();
    let race = state.race.as_ref().unwrap();
    let meeting = &race.meeting;
    let _ = writeln!(
        out,
        "meeting {} | {} | {} {} | {} | {}",
        text(race.meeting_id.as_deref()),
        text(meeting.name.as_deref()),
        text(meeting.country.as_deref()),
        text(meeting.state.as_deref()),
        race.category.race_type(),
        text(meeting.date.as_deref()),
    );
    let _ = writeln!(
        out,
        "race    {} of {} | {} {} m | {} ({}) | start {} actual {} | {} {} | protest {}",
        number(race.race_number),
        text(race.meeting_id.as_deref()),
        race.category.letter(),
        number(race.distance),
        race.status,
        race.phase.as_str(),
        moment(race.start_us),
        race.actual_start_us.map_or_else(|| "-".to_owned(), moment),
        text(race.track_condition.as_deref()),
        text(race.weather.as_deref()),
        race.protest,
    );
    let _ = writeln!(
        out,
        "        status since {} | finalized {} | abandoned {} | polled since {}",
        race.last_status_change_us.map_or_else(|| "-".to_owned(), moment),
        race.finalized_us.map_or_else(|| "-".to_owned(), moment),
        race.abandoned_us.map_or_else(|| "-".to_owned(), moment),
        moment(race.polled_us),
    );
    let pools = state.pools.as_ref().unwrap();
    let _ = writeln!(
        out,
        "pools   win {} place {} quinella {} trifecta {} exacta {} first4 {} total {} multi-leg {} | quality {} of {} pools | {}",
        money(pools.win),
        money(pools.place),
        money(pools.quinella),
        money(pools.trifecta),
        money(pools.exacta),
        money(pools.first4),
        money(Some(pools.total)),
        money(Some(pools.multi_leg)),
        pools.quality,
        pools.extracted,
        moment(pools.last_updated_us),
    );
    for (entrant_id, entrant) in &state.entrants {
        let known = &entrant.entrant;
        let _ = writeln!(
            out,
            "{} {:>2} {} | barrier {} | {} / {} | hold {} bet {} | odds {} | scratched {} {} {} | favourite {} mover {}",
            &entrant_id[..8],
            number(known.runner_number),
            text(known.name.as_deref()),
            number(known.barrier),
            text(known.jockey.as_deref()),
            text(known.trainer_name.as_deref()),
            money(known.hold),
            money(known.bet),
            odds(&known.odds),
            known.is_scratched,
            known.is_late_scratched,
            known.scratched_us.map_or_else(|| "-".to_owned(), moment),
            known.favourite,
            known.mover,
        );
    }
    if let Some(results) = &state.results {
        let status = text(results.status);
        let _ = writeln!(out, "results {status} at {} protest {}", moment(results.result_us), results.protest);
        for document in [&results.placings, &results.dividends, &results.fixed_odds] {
            let _ = writeln!(out, "{}", document.replace("},{\"p", "},\n {\"p").replace("},\"", "},\n \""));
        }
    }
    out
}
