//! Rows that depend on several races, and rows of one race that late payloads change: functions of the set of payloads.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    /// A payload to be processed.
    #[derive(Clone)]
    enum Payload {
        /// Race, seconds to the start when fetched, meeting, `race_date_nz`, race number.
        Poll(&'static str, i64, &'static str, &'static str, i64),
        /// A list that names `meeting-1` and gives it another date.
        List,
    }
    use Payload::{List, Poll as Of};

    fn poll(race_id: &str, meeting_id: &str, date: &str, number: i64) -> String {
        format!(
            r#"{{"data":{{"race":{{"event_id":"{race_id}","meeting_id":"{meeting_id}","meeting_name":"Track of {race_id}",
            "country":"NZ","race_date_nz":{date},"race_number":{number},"type":"{category}","status":"Open","advertised_start":{start}}},
            "runners":[{{"entrant_id":"runner-1","runner_number":1,"name":"A of {race_id}"}},
                       {{"entrant_id":"{race_id}-2","runner_number":2}}],
            "money_tracker":{{"entrants":[{{"entrant_id":"runner-1","hold_percentage":{number}}},
                {{"entrant_id":"{race_id}-2","hold_percentage":{others}}}]}},
            "tote_pools":[{{"product_type":"Win","total":100}}]}}}}"#,
            date = if date.is_empty() { "null".to_owned() } else { format!("\"{date}\"") },
            category = if number == 1 { "T" } else { "H" },
            start = start(),
            others = 100 - number,
        )
    }

    fn run_payload(payload: &Payload) {
        match payload {
            Of(race_id, seconds, meeting_id, date, number) => {
                assert_eq!(ingest(race_id, *seconds, &poll(race_id, meeting_id, date, *number)), "ok");
            }
            List => {
                let list = r#"{"data":{"meetings":[{"meeting":"meeting-1","name":"Listed","date":"2026-02-01","category":"T",
                    "country":"NZ","races":[]}]}}"#;
                run(&format!(
                    "insert into raceday.staged_payloads (kind, race_id, fetched_at, payload)
                     values ('meetings', 'meetings:2026-02-01', {}, {})",
                    moment(7000),
                    spi::quote_literal(list)
                ));
                assert_eq!(process("meetings:2026-02-01"), "ok");
            }
        }
    }

    fn orders(payloads: &[Payload]) -> Vec<Vec<Payload>> {
        if payloads.len() < 2 {
            return vec![payloads.to_vec()];
        }
        (0..payloads.len())
            .flat_map(|first| {
                let mut rest = payloads.to_vec();
                let head = rest.remove(first);
                orders(&rest).into_iter().map(move |rest| [vec![head.clone()], rest].concat())
            })
            .collect()
    }

    /// Processes the payloads in every order; the tables are always the same, also after a rebuild. Returns a value of them.
    fn in_any_order(payloads: &[Payload], value: &str) -> Option<String> {
        migrate();
        let mut expected = None;
        for (at, order) in orders(payloads).iter().enumerate() {
            truncate();
            run("truncate raceday.list_polls");
            order.iter().for_each(run_payload);
            let found = fingerprint();
            assert_same(&found, expected.get_or_insert_with(|| found.clone()), &format!("order {at}"));
            run("select raceday.raceday_rebuild(race_id) from raceday.races order by race_id");
            assert_same(&fingerprint(), &found, &format!("order {at}, rebuilt"));
        }
        assert_eq!(number("select count(*) from raceday.races, raceday.raceday_check(race_id)"), 0);
        text(value)
    }

    const MEETINGS: &str = "select string_agg(concat_ws(' ', meeting_id, meeting_name, race_type, date), ', ' order by meeting_id) from raceday.meetings";

    #[pg_test]
    fn a_meeting_that_no_list_names_has_the_earliest_day_of_its_races() {
        let polls = [
            Of("race-2", 600, "meeting-1", "2026-01-03", 2),
            Of("race-1", 500, "meeting-1", "2026-01-02", 1),
            Of("race-3", 400, "meeting-1", "", 3),
        ];
        let meeting = in_any_order(&polls, MEETINGS);
        assert_eq!(meeting.as_deref(), Some("meeting-1 Track of race-1 thoroughbred 2026-01-02"));
    }

    #[pg_test]
    fn a_list_decides_the_date_of_the_meetings_it_names() {
        let polls =
            [Of("race-2", 600, "meeting-1", "2026-01-03", 2), List, Of("race-1", 500, "meeting-1", "2026-01-02", 1)];
        assert_eq!(in_any_order(&polls, MEETINGS).as_deref(), Some("meeting-1 Listed thoroughbred 2026-02-01"));
    }

    #[pg_test]
    fn a_meeting_that_all_its_races_have_left_is_gone() {
        let polls = [
            Of("race-1", 600, "meeting-2", "2026-01-02", 1),
            Of("race-1", 500, "meeting-3", "2026-01-05", 1),
            Of("race-2", 400, "meeting-3", "2026-01-04", 2),
        ];
        let meetings = in_any_order(&polls, MEETINGS);
        assert_eq!(meetings.as_deref(), Some("meeting-3 Track of race-1 thoroughbred 2026-01-04"));
    }

    #[pg_test]
    fn a_meeting_that_one_of_its_races_has_left_is_that_of_the_others() {
        let polls = [
            Of("race-1", 600, "meeting-1", "2026-01-02", 1),
            Of("race-2", 500, "meeting-1", "2026-01-03", 2),
            Of("race-1", 400, "meeting-2", "2026-01-02", 1),
        ];
        let meetings = in_any_order(&polls, MEETINGS);
        let expected =
            "meeting-1 Track of race-2 harness 2026-01-03, meeting-2 Track of race-1 thoroughbred 2026-01-02";
        assert_eq!(meetings.as_deref(), Some(expected));
    }

    #[pg_test]
    fn a_listed_meeting_that_its_races_have_left_stays() {
        let polls =
            [Of("race-1", 600, "meeting-1", "2026-01-02", 1), List, Of("race-1", 400, "meeting-2", "2026-01-02", 1)];
        let meetings = in_any_order(&polls, MEETINGS);
        let expected = "meeting-1 Listed thoroughbred 2026-02-01, meeting-2 Track of race-1 thoroughbred 2026-01-02";
        assert_eq!(meetings.as_deref(), Some(expected));
    }

    #[pg_test]
    fn a_runner_that_two_races_name_has_a_row_in_each() {
        let polls = [
            Of("race-1", 600, "meeting-1", "2026-01-02", 1),
            Of("race-2", 500, "meeting-1", "2026-01-02", 2),
            Of("race-1", 400, "meeting-1", "2026-01-02", 1),
        ];
        let rows = "select string_agg(concat_ws(' ', race_id, name, hold_percentage), ', ' order by race_id)
                    from raceday.entrants where entrant_id = 'runner-1'";
        assert_eq!(in_any_order(&polls, rows).as_deref(), Some("race-1 A of race-1 1.00, race-2 A of race-2 2.00"));
    }

    #[pg_test]
    fn a_rebuild_fixes_a_meeting_that_was_changed_by_hand() {
        migrate();
        run_payload(&Of("race-1", 600, "meeting-1", "2026-01-02", 1));
        let expected = fingerprint();
        run("update raceday.meetings set meeting_name = 'Nowhere', date = '2020-01-01', status = 'completed'");
        assert_eq!(number("select meetings_changed from raceday.raceday_rebuild('race-1')"), 1);
        assert_same(&fingerprint(), &expected, "the meeting");
    }

    /// Identity of each history row by its content.
    const ROWS: &str = "select jsonb_object_agg(k, v) from (
        select (to_jsonb(h) - 'id' - 'created_at')::text as k, concat(id, ' ', created_at) as v from raceday.money_flow_history h
        union all
        select (to_jsonb(o) - 'id' - 'created_at')::text, concat(id, ' ', created_at) from raceday.odds_history o) r";

    fn ingest_poll(seconds: i64, win: &'static str, odds: &'static str) {
        // Without tote odds of every runner, no poll depends on the flow since the one before.
        let payload = Poll { win, pool_win: [odds, "2.8", "0"], ..Poll::default() }.payload();
        assert_eq!(ingest(RACE, seconds, &payload), "ok");
    }

    #[pg_test]
    fn a_redo_writes_only_the_rows_that_differ() {
        migrate();
        let late = (290, "1700.00", "1.8");
        for (seconds, win, odds) in [(600, "1000.00", "1.7"), (280, "2000.00", "1.8"), (230, "2600.00", "1.9")] {
            ingest_poll(seconds, win, odds);
        }
        let before = text(ROWS).expect("rows");
        let newest = number("select max(id) from raceday.money_flow_history");
        ingest_poll(late.0, late.1, late.2);
        let kept = format!(
            "select count(*) from jsonb_each_text({before}) b join jsonb_each_text(({ROWS})) a using (key) where a.value = b.value",
            before = spi::quote_literal(&before)
        );
        let changed = kept.replace("where a.value = b.value", "where a.value <> b.value");
        assert_eq!(number(&changed), 0, "rows that come out equal keep their id and created_at");
        // The poll at 280 s falls into the late one's bucket and counts from the same rows: all rows but the odds of that poll are
        // equal, because the late poll brought the change of odds.
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 12);
        assert_eq!(number(&kept), 9 + number("select count(*) from raceday.odds_history") - 1);
        let added = format!(
            "select string_agg(distinct win_pool_amount::text, ' ') from raceday.money_flow_history where id > {newest}"
        );
        assert_eq!(text(&added).as_deref(), Some("34000 51000 85000"), "the late poll's rows, after all others");
        assert_eq!(number("select count(*) from raceday.raceday_check('race-1')"), 0);

        // A late poll in another bucket: the increments of the next bucket change, those after it do not.
        ingest_poll(310, "1800.00", "1.8");
        let rows = format!(
            "select string_agg(distinct time_interval::text, ' ') from raceday.money_flow_history where id > {newest}"
        );
        assert_eq!(
            text(&rows).as_deref(),
            Some("4 5"),
            "{:?}",
            text("select jsonb_agg(h) from raceday.money_flow_history h")
        );
        assert_eq!(number("select count(*) from raceday.raceday_check('race-1')"), 0);

        let before = text(ROWS);
        let call = "select format('%s %s', money_flow_rows, odds_rows) from raceday.raceday_rebuild('race-1')";
        assert_eq!(text(call).as_deref(), Some("0 0"));
        assert_eq!(text(ROWS), before, "a rebuild of what is right changes no row");
    }

    #[pg_test]
    fn a_redo_that_only_deletes_rows_is_seen_by_clients() {
        migrate();
        ingest_poll(600, "1000.00", "1.7");
        run("insert into raceday.odds_history (entrant_id, race_id, odds, type, event_timestamp, polling_timestamp)
             select entrant_id, race_id, 9, 'pool_win', event_timestamp, polling_timestamp from raceday.odds_history limit 1");
        let version = "select rows_created_at from raceday.race_progress";
        let before = text(version);
        assert_eq!(text("select odds_rows from raceday.raceday_rebuild('race-1')").as_deref(), Some("0"));
        assert_eq!(number("select count(*) from raceday.odds_history where odds = 9"), 0);
        assert_ne!(text(version), before);
    }
}
