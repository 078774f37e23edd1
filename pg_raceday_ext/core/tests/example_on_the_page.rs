//! The worked example of docs/money-flow.md, figure by figure.

use raceday_core::{Outcome, PollRows, RaceState, payload_hash};
use serde_json::json;

const START_S: i64 = 1_764_504_000;

/// A poll of the example: seconds to the start, win pool, and the holds of Alder's money-tracker rows.
fn poll(state: &mut RaceState, seconds: i64, win_pool: f64, holds: &[f64]) -> PollRows {
    let runner = |name: &str, pool_win: f64, is_scratched: bool| json!({"entrant_id": name, "is_scratched": is_scratched, "odds": {"pool_win": pool_win}});
    let tracker: Vec<_> =
        holds.iter().map(|hold| json!({"entrant_id": "alder", "hold_percentage": hold, "bet_percentage": 0})).collect();
    let payload = json!({"data": {
        "race": {"event_id": "race", "type": "T", "status": "Open", "advertised_start": START_S},
        "runners": [
            runner("alder", 4.4, false), runner("birch", 2.1, false), runner("cedar", 3.6, false), runner("dogwood", 9.0, true),
        ],
        "tote_pools": [{"product_type": "Win", "total": win_pool}],
        "money_tracker": {"entrants": tracker},
    }})
    .to_string();
    match state.apply("race", &payload, payload_hash(&payload), (START_S - seconds) * 1_000_000) {
        Ok(Outcome::Processed(rows)) => *rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn three_polls_give_the_figures_of_the_page() {
    let mut state = RaceState::default();
    let polls = [
        poll(&mut state, 310, 20_000.0, &[7.5, 5.0]),
        poll(&mut state, 275, 24_000.55, &[13.0]),
        poll(&mut state, 245, 26_151.38, &[15.5]),
    ];
    let alder: Vec<_> = polls
        .iter()
        .map(|poll| {
            let rows = &poll.history;
            let figures = [&rows.hold, &rows.win_pool_amount, &rows.win_pool_percentage, &rows.incremental_win_amount];
            (poll.time_interval, figures.map(|column| column[0].expect("a figure")))
        })
        .collect();
    assert_eq!(
        alder,
        [(5, [1_250, 250_000, 1_250, 0]), (4, [1_300, 312_007, 1_300, 62_007]), (4, [1_550, 405_346, 1_550, 155_346]),]
    );
    let shares = &polls[2].history;
    assert_eq!(shares.entrant_id, ["alder", "birch", "cedar", "dogwood"]);
    assert_eq!(shares.tote_win_percentage, [Some(2_316), Some(4_853), Some(2_831), None]);
    assert_eq!(shares.tote_win_amount, [Some(605_712), Some(1_269_111), Some(740_315), None]);
}
