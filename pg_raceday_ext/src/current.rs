//! What is known now: entrants, pools and results.

use crate::plan::{Hundredths, Moment, Plan, arg, hundredths};
use pgrx::pg_sys::{
    BOOLARRAYOID, BOOLOID, INT8ARRAYOID, INT8OID, NUMERICARRAYOID, NUMERICOID, TEXTARRAYOID, TEXTOID,
    TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
};
use raceday_core::{Entrant, Pools, RaceState, Results};

/// Writes the entrants, pools and results that changed; returns how many entrants.
pub fn write_changed(race_id: &str, known: &RaceState, now: &RaceState) -> usize {
    let changed: Vec<(&String, &Entrant)> = now
        .entrants
        .iter()
        .filter(|(id, state)| known.entrants.get(*id).is_none_or(|known| known.entrant != state.entrant))
        .map(|(id, state)| (id, &state.entrant))
        .collect();
    if let Some(pools) = now.pools.as_ref().filter(|pools| known.pools.as_ref() != Some(pools)) {
        write_pools(race_id, pools);
    }
    if let Some(results) = now.results.as_ref().filter(|results| known.results.as_ref() != Some(results)) {
        write_results(race_id, results);
    }
    if changed.is_empty() { 0 } else { write_entrants(race_id, &changed) }
}

// An entrant of another race is never taken over: the payload that names it is wrong about it.
static WRITE_ENTRANTS: Plan = Plan::new(
    "insert into raceday.entrants as e (race_id, entrant_id, name, runner_number, win_odds, place_odds, pool_win_odds,
         pool_place_odds, hold_percentage, bet_percentage, is_scratched, is_late_scratched, scratched_at, barrier, jockey,
         trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change, favourite, mover)
     select $1, $2[i], $3[i], $4[i]::int4, $5[i], $6[i], $7[i], $8[i], $9[i], $10[i], $11[i], $12[i], $13[i], $14[i]::int4, $15[i], $16[i],
         $17[i], $18[i], $19[i], $20[i], $21[i], $22[i]
     from generate_subscripts($2, 1) i
     on conflict (entrant_id) do update
     set name = excluded.name, runner_number = excluded.runner_number, win_odds = excluded.win_odds,
         place_odds = excluded.place_odds, pool_win_odds = excluded.pool_win_odds, pool_place_odds = excluded.pool_place_odds,
         hold_percentage = excluded.hold_percentage, bet_percentage = excluded.bet_percentage,
         is_scratched = excluded.is_scratched, is_late_scratched = excluded.is_late_scratched,
         scratched_at = excluded.scratched_at, barrier = excluded.barrier, jockey = excluded.jockey,
         trainer_name = excluded.trainer_name, silk_colours = excluded.silk_colours, silk_url_64 = excluded.silk_url_64,
         silk_url_128 = excluded.silk_url_128, runner_change = excluded.runner_change, favourite = excluded.favourite,
         mover = excluded.mover, updated_at = clock_timestamp()
     where e.race_id = excluded.race_id",
    &[
        TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID,
        NUMERICARRAYOID, NUMERICARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
        TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, BOOLARRAYOID,
    ],
);

fn write_entrants(race_id: &str, entrants: &[(&String, &Entrant)]) -> usize {
    let texts =
        |of: fn(&Entrant) -> &Option<String>| arg(entrants.iter().map(|(_, e)| of(e).as_deref()).collect::<Vec<_>>());
    let numbers = |of: fn(&Entrant) -> Option<i64>| arg(entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    let decimals =
        |of: fn(&Entrant) -> Option<i64>| hundredths(&entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    let flags = |of: fn(&Entrant) -> bool| arg(entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    WRITE_ENTRANTS
        .run(&[
            arg(race_id),
            arg(entrants.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>()),
            texts(|e| &e.name),
            numbers(|e| e.runner_number),
            decimals(|e| e.odds.fixed_win),
            decimals(|e| e.odds.fixed_place),
            decimals(|e| e.odds.pool_win),
            decimals(|e| e.odds.pool_place),
            decimals(|e| e.hold),
            decimals(|e| e.bet),
            flags(|e| e.is_scratched),
            flags(|e| e.is_late_scratched),
            arg(entrants.iter().map(|(_, e)| e.scratched_us.map(Moment)).collect::<Vec<_>>()),
            numbers(|e| e.barrier),
            texts(|e| &e.jockey),
            texts(|e| &e.trainer_name),
            texts(|e| &e.silk_colours),
            texts(|e| &e.silk_url_64),
            texts(|e| &e.silk_url_128),
            texts(|e| &e.runner_change),
            flags(|e| e.favourite),
            flags(|e| e.mover),
        ])
        .count()
}

static WRITE_POOLS: Plan = Plan::new(
    "insert into raceday.race_pools (race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total,
         exacta_pool_total, first4_pool_total, total_race_pool, data_quality_score, extracted_pools, last_updated)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::int8::int4, $10::int8::int4, $11)
     on conflict (race_id) do update
     set win_pool_total = excluded.win_pool_total, place_pool_total = excluded.place_pool_total,
         quinella_pool_total = excluded.quinella_pool_total, trifecta_pool_total = excluded.trifecta_pool_total,
         exacta_pool_total = excluded.exacta_pool_total, first4_pool_total = excluded.first4_pool_total,
         total_race_pool = excluded.total_race_pool, data_quality_score = excluded.data_quality_score,
         extracted_pools = excluded.extracted_pools, last_updated = excluded.last_updated",
    &[
        TEXTOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, INT8OID, INT8OID,
        TIMESTAMPTZOID,
    ],
);

fn write_pools(race_id: &str, pools: &Pools) {
    let dollars = |cents: Option<i64>| cents.map(Hundredths).and_then(arg);
    WRITE_POOLS.run(&[
        arg(race_id),
        dollars(pools.win),
        dollars(pools.place),
        dollars(pools.quinella),
        dollars(pools.trifecta),
        dollars(pools.exacta),
        dollars(pools.first4),
        dollars(Some(pools.total)),
        arg(pools.quality),
        arg(pools.extracted),
        arg(Moment(pools.last_updated_us)),
    ]);
}

static WRITE_RESULTS: Plan = Plan::new(
    "insert into raceday.race_results as r (race_id, results_available, results_data, dividends_data, fixed_odds_data,
         result_status, protest_lodged, result_time)
     values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6, $7, $8)
     on conflict (race_id) do update
     set results_available = excluded.results_available, results_data = excluded.results_data,
         dividends_data = excluded.dividends_data, fixed_odds_data = excluded.fixed_odds_data,
         result_status = excluded.result_status, protest_lodged = excluded.protest_lodged, result_time = excluded.result_time
     where (r.results_available, r.results_data, r.dividends_data, r.fixed_odds_data, r.result_status, r.protest_lodged,
            r.result_time) is distinct from
           (excluded.results_available, excluded.results_data, excluded.dividends_data, excluded.fixed_odds_data,
            excluded.result_status, excluded.protest_lodged, excluded.result_time)",
    &[TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID],
);

fn write_results(race_id: &str, results: &Results) {
    WRITE_RESULTS.run(&[
        arg(race_id),
        arg(results.available),
        arg(results.placings.as_str()),
        arg(results.dividends.as_str()),
        arg(results.fixed_odds.as_str()),
        results.status.and_then(arg),
        arg(results.protest),
        arg(Moment(results.result_us)),
    ]);
}
