//! raceday_backtest: which races are judged by which, and what bets on the signals would have returned.

use postgres::Client;
use raceday_tests::database::database;

/// A month of races that started every two hours, each with two runners. In race n of the month the evidence of runner 1 rises to
/// n / 100 at the second poll. Runner 1 wins every odd race and is placed in every race.
fn seed_month(client: &mut Client, month: &str, races: u32) {
    client
        .batch_execute(&format!(
            "select partman.create_partition_time('raceday.money_flow_history',
                array(select generate_series('{month}-01Z'::timestamptz, '{month}-28Z', '1 day')));
             insert into raceday.meetings (meeting_id, meeting_name, country, race_type, date)
             values ('{month}', 'Backtest', 'NZ', 'thoroughbred', '{month}-01');
             insert into raceday.races (race_id, meeting_id, race_number, start_time, status, phase, type)
             select '{month} ' || n, '{month}', n, '{month}-02 00:00Z'::timestamptz + n * interval '2 hours', 'Final', 'finished', 'T'
             from generate_series(1, {races}) n;
             insert into raceday.entrants (race_id, entrant_id, runner_number)
             select r.race_id, r.race_id || '-' || k, k from raceday.races r, generate_series(1, 2) k where r.meeting_id = '{month}';
             insert into raceday.money_flow_history (race_id, entrant_id, type, time_to_start, seconds_to_start, time_interval,
                interval_type, event_timestamp, polling_timestamp, pool_type, is_consolidated, fixed_win_odds, win_pool_cents, evidence)
             select e.race_id, e.entrant_id, 'bucketed_aggregation', s / 60, s, s / 60, '30s', r.start_time - make_interval(secs => s),
                r.start_time - make_interval(secs => s), 'combined', true, 4.0 + s / 60, 600000,
                case when e.runner_number = 1 and s < 120 then r.race_number / 100.0 else 0 end
             from raceday.entrants e join raceday.races r using (race_id), unnest('{{120,60,30}}'::int[]) s
             where r.meeting_id = '{month}';
             insert into raceday.race_results (race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status,
                result_time)
             select r.race_id, true,
                jsonb_build_array(jsonb_build_object('position', 1, 'entrant_id', r.race_id || '-' || w.winner)),
                jsonb_build_array(
                    jsonb_build_object('product_name', 'Pool Win', 'dividend', 6.5, 'positions',
                        jsonb_build_array(jsonb_build_object('runner_number', w.winner, 'position', 1))),
                    jsonb_build_object('product_name', 'Pool Place', 'dividend', 1.9, 'positions',
                        jsonb_build_array(jsonb_build_object('runner_number', 1, 'position', 1)))),
                '{{}}', 'final', r.start_time
             from raceday.races r, lateral (select 2 - r.race_number % 2 as winner) w where r.meeting_id = '{month}'"
        ))
        .unwrap();
}

/// Rows of the backtest from 2026-03-01 to 2026-06-01 as text, one per month and the total.
fn backtest(client: &mut Client, level: i32) -> Vec<String> {
    let sql = "select concat_ws(' ', coalesce(to_char(month, 'MM'), 'all'), races, signals, provisional, won, placed,
                   coalesce(tote_per_dollar::text, '-'), coalesce(fixed_per_dollar::text, '-'))
               from raceday.raceday_backtest('2026-03-01Z', '2026-06-01Z', $1)";
    client.query(sql, &[&level]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_month_is_judged_by_the_races_of_the_other_months_only() {
    let postgres = database();
    let mut client = postgres.connect("raceday").unwrap();
    for month in ["2026-03", "2026-04", "2026-05"] {
        seed_month(&mut client, month, 100);
    }
    // Of the 200 races of two months, the 10th largest evidence is that of race 96: five races per month have it.
    let fair = [
        "03 100 5 0 2 5 2.600 2.000",
        "04 100 5 0 2 5 2.600 2.000",
        "05 100 5 0 2 5 2.600 2.000",
        "all 300 15 0 6 15 2.600 2.000",
    ];
    assert_eq!(backtest(&mut client, 20), fair);
    // Only race 100 has as much as the largest of 200 races.
    assert_eq!(backtest(&mut client, 200)[3], "all 300 3 0 0 3 0.000 0.000");
    assert_eq!(backtest(&mut client, 500)[3], "all 300 0 0 0 0 - -", "1 in 500 of 200 races");

    // If May saw itself, its own evidence would raise its level.
    let raised =
        "update raceday.money_flow_history set evidence = evidence + 10 where race_id like '2026-05%' and evidence > 0";
    client.batch_execute(raised).unwrap();
    let rows = backtest(&mut client, 20);
    assert!(rows[2].starts_with("05 100 100 0 50 100 "), "May is judged by May: {rows:?}");
    assert!(
        rows[0].starts_with("03 100 0 0 ") && rows[1].starts_with("04 100 0 0 "),
        "May does not judge the others: {rows:?}"
    );
}

#[test]
fn with_too_few_other_races_the_levels_are_provisional_and_refunds_do_not_count() {
    let postgres = database();
    let mut client = postgres.connect("raceday").unwrap();
    seed_month(&mut client, "2026-03", 20);
    seed_month(&mut client, "2026-04", 20);
    let backed = "update raceday.money_flow_history set evidence = 5
                  where race_id in ('2026-03 1', '2026-03 2', '2026-03 4') and evidence > 0";
    client.batch_execute(backed).unwrap();
    let expected = ["03 20 3 3 1 3 2.167 1.667", "04 20 0 0 0 0 - -", "all 40 3 3 1 3 2.167 1.667"];
    assert_eq!(backtest(&mut client, 20), expected);
    client.batch_execute("update raceday.entrants set is_scratched = true where entrant_id = '2026-03 4-1'").unwrap();
    assert_eq!(backtest(&mut client, 20)[0], "03 20 2 2 1 2 3.250 2.500");
    // A race without a final result is not counted, and a dead heat halves fixed odds.
    let changed = "update raceday.races set status = 'Interim' where race_id = '2026-03 2';
        update raceday.race_results set results_data = results_data || '[{\"position\": 1, \"entrant_id\": \"x\"}]'
        where race_id = '2026-03 1'";
    client.batch_execute(changed).unwrap();
    assert_eq!(backtest(&mut client, 20)[0], "03 19 1 1 1 1 6.500 2.500");
    assert_eq!(backtest(&mut client, 200)[0], "03 19 0 0 0 0 - -", "5 nats are not 1 in 200");
}

#[test]
fn what_cannot_be_computed_is_refused_with_the_next_step() {
    let postgres = database();
    let mut client = postgres.connect("raceday").unwrap();
    for call in ["'2026-03-01', '2026-04-01', 7", "'2026-03-01', '2026-03-01', 20", "null, '2026-03-01', 20"] {
        let error = client.batch_execute(&format!("select * from raceday.raceday_backtest({call})")).expect_err(call);
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), "22023", "{call}");
        assert!(error.hint().is_some(), "{call}");
    }
}
