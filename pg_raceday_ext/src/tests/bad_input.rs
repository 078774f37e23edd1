//! Hostile payloads: each is kept and marked, the tables stay as they are, and the next good payload is processed.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    /// Payloads that fail, each with its name and a part of the reason.
    fn failing() -> Vec<(&'static str, String, &'static str)> {
        let good = Poll::default().payload();
        let start = format!("\"advertised_start\":{}", start());
        vec![
            ("empty", String::new(), "not JSON or truncated"),
            ("not JSON", "<html>busy</html>".to_owned(), "not JSON or truncated"),
            ("truncated", good[..good.len() / 2].to_owned(), "not JSON or truncated"),
            ("trailing", format!("{good} x"), "not JSON or truncated"),
            ("a list", "[]".to_owned(), "no race (data.race is missing)"),
            ("no race", r#"{"data":{"runners":[]}}"#.to_owned(), "no race (data.race is missing)"),
            ("race is text", r#"{"data":{"race":"x"}}"#.to_owned(), "no race (data.race is missing)"),
            ("another race", good.replace(RACE, "race-9"), "about race \"race-9\""),
            ("no start", good.replace(&start, "\"x\":1"), "no advertised start"),
            ("start is text", good.replace(&start, "\"advertised_start\":\"soon\""), "no advertised start"),
            ("start is 0", good.replace(&start, "\"advertised_start\":0"), "no advertised start"),
            ("greyhounds", good.replace("\"type\":\"T\"", "\"type\":\"G\""), "neither T nor H"),
            ("no type", good.replace("\"type\":\"T\"", "\"x\":1"), "neither T nor H"),
            ("huge pool", good.replace("1000.00", "10000000000.00"), "does not fit its column"),
            ("deep nesting", format!("{{\"a\":{}", "[".repeat(200_000)), "not JSON or truncated"),
        ]
    }

    #[pg_test]
    fn a_payload_that_fails_is_kept_with_its_reason_and_changes_nothing() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        process(RACE);
        let tables = "select format('%s %s', (select array_agg(ctid::text || xmin::text) from raceday.entrants), (select count(*) from raceday.money_flow_history))";
        let before = text(tables);
        for (at, (name, payload, reason)) in failing().into_iter().enumerate() {
            let seconds = 280 - i64::try_from(at).expect("few");
            stage(RACE, seconds, &payload);
            let call =
                text("select format('%s|%s', status, error) from raceday.raceday_process('race-1')").expect("a row");
            assert!(call.starts_with("failed|") && call.contains(reason), "{name}: {call}");
            let kept = text(&format!(
                "select format('%s|%s|%s', status, error, length(payload)) from raceday.staged_payloads where fetched_at = {}",
                moment(seconds)
            ));
            let kept = kept.expect("the payload");
            assert!(
                kept.starts_with("failed|")
                    && kept.contains(reason)
                    && kept.ends_with(&payload.chars().count().to_string()),
                "{name}: {kept}"
            );
            assert_eq!(text(tables), before, "{name}");
        }
        stage(RACE, 200, &Poll::default().payload());
        assert_eq!(process(RACE), "ok");
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 6);
        assert_eq!(number("select count(*) from raceday.raceday_check('race-1')"), 0);
    }

    #[pg_test]
    fn a_body_that_is_not_text_fails_and_is_kept() {
        migrate();
        run(&format!(
            "insert into raceday.staged_payloads (race_id, fetched_at, payload_raw) values ('race-1', {}, '\\x00ff')",
            moment(290)
        ));
        assert_eq!(process(RACE), "failed");
        assert_eq!(number("select length(payload_raw) from raceday.staged_payloads"), 2);
    }

    #[pg_test]
    fn a_bad_value_costs_only_its_field() {
        migrate();
        let bad = Poll::default()
            .payload()
            .replace("\"Runner 1\"", "\"Run\\u0000ner\"")
            .replace("\"Runner 2\"", "\"\\ud800\"")
            .replace("\"pool_win\":1.7", "\"pool_win\":1e11")
            .replace("\"barrier\":\"Fr2\"", "\"barrier\":{\"x\":1}")
            .replace("\"runner_number\":3", "\"runner_number\":\"3\"")
            .replace("\"fixed_win\":2.5", "\"fixed_win\":\"2.5\"");
        stage(RACE, 290, &bad);
        let call =
            text("select format('%s|%s', status, report) from raceday.raceday_process('race-1')").expect("a row");
        assert_eq!(
            call,
            "ok|4 bad values: runners[0].odds.pool_win, runners[0].name, runners[1].name, runners[1].barrier"
        );
        let entrants = text(
            "select string_agg(format('%s/%s/%s/%s/%s', entrant_id, name, runner_number, barrier, win_odds), ' ' order by entrant_id) from raceday.entrants",
        );
        assert_eq!(entrants.as_deref(), Some("runner-1//1/1/1.50 runner-2//2//2.50 runner-3/Runner 3/3/3/3.50"));
        // Without tote odds for every runner no share is known.
        assert_eq!(number("select count(tote_win_amount) from raceday.money_flow_history"), 0);
    }

    #[pg_test]
    fn a_runner_twice_counts_once_and_the_last_one_wins() {
        migrate();
        let twice = Poll::default().payload().replace(
            "\"runners\":[",
            "\"runners\":[{\"entrant_id\":\"runner-3\",\"name\":\"Old name\"},{\"name\":\"Nobody\"},",
        );
        stage(RACE, 290, &twice);
        assert_eq!(process(RACE), "ok");
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
        assert_eq!(
            text("select name from raceday.entrants where entrant_id = 'runner-3'").as_deref(),
            Some("Runner 3")
        );
    }

    #[pg_test]
    fn an_entrant_of_another_race_keeps_its_row_there() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        process(RACE);
        stage("race-2", 280, &Poll::default().payload().replace(RACE, "race-2").replace("Runner 1", "Thief"));
        process("race-2");
        assert_eq!(
            text("select string_agg(race_id || ' ' || name, ', ' order by race_id) from raceday.entrants where entrant_id = 'runner-1'")
                .as_deref(),
            Some("race-1 Runner 1, race-2 Thief")
        );
    }

    #[pg_test]
    fn a_missing_partition_leaves_the_payload_pending() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        run("do $$ declare v_table text; begin
            for v_table in select inhrelid::regclass::text from pg_inherits where inhparent = 'raceday.money_flow_history'::regclass
            loop execute 'drop table ' || v_table; end loop;
         end $$");
        let call = text("select format('%s|%s', status, error) from raceday.raceday_process('race-1')").expect("a row");
        assert!(call.starts_with("error|no partition of relation"), "{call}");
        assert_eq!(number("select count(*) from raceday.pending_payloads"), 1);
        assert_eq!(text("select status from raceday.staged_payloads").as_deref(), Some("pending"));
        assert_eq!(number("select count(*) from raceday.races"), 0);
    }

    #[pg_test]
    fn a_payload_that_the_database_refuses_does_not_hold_up_the_others() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        stage(RACE, 200, &Poll { win: "1554.00", ..Poll::default() }.payload());
        stage(RACE, 100, &Poll::default().payload());
        run("alter table raceday.money_flow_history add constraint refused check (win_pool_amount <> 77700)");
        let call = text(
            "select format('%s %s %s', status, payloads_processed, payloads_failed) from raceday.raceday_process('race-1')",
        );
        assert_eq!(call.as_deref(), Some("ok 2 1"));
        let statuses = text("select string_agg(status, ' ' order by fetched_at) from raceday.staged_payloads");
        assert_eq!(statuses.as_deref(), Some("processed failed processed"));
    }
}
