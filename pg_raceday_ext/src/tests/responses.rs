//! The JSON of responses is what plain SQL makes of the same rows.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    /// Two runners of a race, with history that needs every way to write a value.
    fn race_with_awkward_history() {
        migrate();
        run(&format!(
            "insert into raceday.meetings (meeting_id, race_type, date) values ('m', 'harness', current_date);
             insert into raceday.races (race_id, meeting_id, start_time, type) values ('{RACE}', 'm', {start}, 'H');
             insert into raceday.entrants (entrant_id, race_id, runner_number) values ('a', '{RACE}', 1), ('Ā\"\\\u{1}', '{RACE}', 2);
             insert into raceday.odds_history (entrant_id, race_id, odds, type, event_timestamp, polling_timestamp)
             select (array['a', 'Ā\"\\\u{1}', 'stranger'])[1 + n % 3], '{RACE}', odds,
                 (array['fixed_win', 'fixed_place', 'pool_win', 'pool_place'])[1 + n % 4],
                 {start} + n * interval '0.4567 s', {start}
             from unnest('{{0, 0.01, 0.1, 0.99, 1, 1.5, 2.05, 9.99, 10, 99.99, 100, 101.01, 999.9, 9999, 9999.99, 10000, 10000.01, 10001,
                 99999.99, 100000, 1234567.8, 10000000, 99999999.99, 99990000, 0.07, 20000000.02, -0.01, -1, -12345.67, 123456.78}}'::numeric[])
                 with ordinality o (odds, n);
             insert into raceday.money_flow_history (entrant_id, race_id, hold_percentage, win_pool_amount, tote_win_amount, type,
                 time_to_start, seconds_to_start, time_interval, interval_type, event_timestamp, polling_timestamp, created_at, pool_type,
                 is_consolidated, bet_percentage, fixed_win_odds, incremental_win_amount)
             select (array['a', 'Ā\"\\\u{1}', 'stranger'])[1 + n % 3], '{RACE}', nullif(n, 7)::numeric / 7, amount, 1,
                 case n when 5 then 'other' else 'bucketed_aggregation' end, -n, 60 * n, 60 - 3 * n, E'5m\"\\n', {start} + n * interval '0.4567 s',
                 {start} + interval '1 microsecond' * n, {start} + interval '999 microseconds' * n, 'combined', true, n, 100 + n / 100.0, -n
             from unnest('{{0, 1, -1, null, 9, 10, 99, 100, 12345678, -90071992547409931, 9223372036854775807, -9223372036854775808, null, 5,
                 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
                 40, 41, 42, 43, 44, 45}}'::bigint[]) with ordinality o (amount, n)",
            start = moment(0),
        ));
    }

    const UTC: &str = "to_char(%s at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";

    fn utc(column: &str) -> String {
        UTC.replace("%s", column)
    }

    #[pg_test]
    fn runners_have_the_history_that_sql_gives_them() {
        race_with_awkward_history();
        let written = text(&format!(
            "select raceday.raceday_entrants_json('{RACE}', array_agg(entrant_id order by runner_number),
                 array_agg(json_build_object('number', runner_number)::text order by runner_number),
                 {from}, {to})::jsonb from raceday.entrants",
            from = moment(0),
            to = moment(-3600),
        ));
        let expected = text(&format!(
            "select jsonb_agg(jsonb_build_object('number', e.runner_number,
                 'odds_history', (select jsonb_agg(jsonb_build_object('odds', o.odds, 'type', o.type, 'timestamp', {at}) order by o.id desc)
                     from raceday.odds_history o where o.entrant_id = e.entrant_id),
                 'money_flow_history', (select jsonb_agg(jsonb_build_object('hold_percentage', h.hold_percentage,
                     'win_pool_amount', h.win_pool_amount, 'timestamp', {at}) order by h.id desc)
                     from raceday.money_flow_history h where h.entrant_id = e.entrant_id and h.type = 'bucketed_aggregation')
             ) order by e.runner_number) from raceday.entrants e",
            at = utc("event_timestamp"),
        ));
        assert_eq!(written, expected);
        assert_eq!(number("select count(*) from raceday.odds_history"), 30);
    }

    #[pg_test]
    fn runners_without_history_have_empty_lists() {
        migrate();
        let written = text(
            "raceday.raceday_entrants_json('none', array['a', 'b'], array['{\"n\" : 1}', '{\"n\" : 2}'], null, null)",
        );
        let empty = "\"odds_history\":[],\"money_flow_history\":[]}";
        assert_eq!(written, Some(format!("[{{\"n\" : 1,{empty},{{\"n\" : 2,{empty}]")));
    }

    /// A page as the function returns it: its columns as one JSON object.
    fn page(after_id: &str, created_from: &str, max_documents: i32) -> Option<String> {
        text(&format!(
            "select to_jsonb(p) || jsonb_build_object('documents', p.documents::jsonb)
             from raceday.raceday_timeline_page('{RACE}', (select array_agg(entrant_id) from raceday.entrants), {from}, {to}, {after_id},
                 {created_from}, {max_documents}) p",
            from = moment(0),
            to = moment(-3600),
        ))
    }

    /// The same page in plain SQL.
    fn expected_page(after_id: &str, created_from: &str, max_documents: i32) -> Option<String> {
        text(&format!(
            "select jsonb_build_object('documents', jsonb_agg(jsonb_build_object('id', id, 'race_id', race_id, 'entrant_id', entrant_id, 'type', type,
                 'time_interval', time_interval, 'time_to_start', time_to_start, 'interval_type', interval_type, 'hold_percentage', hold_percentage,
                 'bet_percentage', bet_percentage, 'incremental_win_amount', incremental_win_amount,
                 'incremental_place_amount', incremental_place_amount, 'win_pool_amount', win_pool_amount, 'place_pool_amount', place_pool_amount,
                 'win_pool_percentage', win_pool_percentage, 'place_pool_percentage', place_pool_percentage, 'fixed_win_odds', fixed_win_odds,
                 'fixed_place_odds', fixed_place_odds, 'pool_win_odds', pool_win_odds, 'pool_place_odds', pool_place_odds,
                 'event_timestamp', {event}, 'polling_timestamp', {polling}, 'created_at', {created}
             ) order by time_interval, created_at, id), 'covered_ids', jsonb_agg(entrant_id order by id), 'intervals', jsonb_agg(time_interval order by id),
             'next_cursor', max(id), 'next_created_at', max(created_at)) from (
                 select * from raceday.money_flow_history
                 where entrant_id <> 'stranger' and type = 'bucketed_aggregation' and time_interval > -65 and time_interval < 66
                     and id > {after_id} and created_at >= {created_from}
                 order by id limit {max_documents}) h
             having count(*) > 0",
            event = utc("event_timestamp"),
            polling = utc("polling_timestamp"),
            created = utc("created_at"),
        ))
    }

    #[pg_test]
    fn a_page_of_the_timeline_is_what_sql_gives() {
        race_with_awkward_history();
        let middle = "(select min(id) + 9 from raceday.money_flow_history)";
        let later = format!("{} + interval '20 milliseconds'", moment(0));
        for (after_id, created_from, max_documents) in [
            ("-1", "'-infinity'", 1000),
            ("-1", "'-infinity'", 7),
            (middle, "'-infinity'", 5),
            ("-1", later.as_str(), 4),
        ] {
            let written = page(after_id, created_from, max_documents);
            assert!(written.is_some());
            assert_eq!(
                written,
                expected_page(after_id, created_from, max_documents),
                "{after_id} {created_from} {max_documents}"
            );
        }
        assert_eq!(page("9223372036854775807", "'-infinity'", 5), None, "a page that is empty");
    }
}
