//! Ingesting a payload gives the same as staging and processing it.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    fn poll(seconds: i64) -> String {
        let win = ["1000.00", "1500.00", "2000.00"][usize::try_from(seconds % 3).expect("not negative")];
        Poll { win, holds: [50 - seconds / 100, 30 + seconds / 100, 20], ..Poll::default() }.payload()
    }

    /// The fingerprint when the polls are staged first and processed one by one.
    fn staged_and_processed(seconds: &[i64]) -> String {
        for at in seconds {
            stage(RACE, *at, &poll(*at));
            assert_eq!(process(RACE), "ok");
        }
        let found = fingerprint();
        truncate();
        found
    }

    #[pg_test]
    fn ingested_in_any_order_gives_the_same_tables() {
        migrate();
        let expected = staged_and_processed(&[900, 610, 290, 230]);
        for order in [[900, 610, 290, 230], [230, 290, 610, 900], [610, 900, 230, 290]] {
            for at in order {
                assert_eq!(ingest(RACE, at, &poll(at)), "ok");
            }
            assert_same(&fingerprint(), &expected, &format!("{order:?}"));
            assert_eq!(number("select count(*) from raceday.staged_payloads where status = 'processed'"), 4);
            assert_eq!(number("select count(*) from raceday.pending_payloads"), 0);
            truncate();
        }
    }

    #[pg_test]
    fn pending_payloads_are_processed_with_it() {
        migrate();
        let expected = staged_and_processed(&[900, 610, 290]);
        stage(RACE, 610, &poll(610));
        stage(RACE, 900, &poll(900));
        assert_eq!(ingest(RACE, 290, &poll(290)), "ok");
        assert_same(&fingerprint(), &expected, "two were pending");
        assert_eq!(number("select count(*) from raceday.pending_payloads"), 0);
    }

    #[pg_test]
    fn a_payload_ingested_twice_is_staged_once() {
        migrate();
        for (at, status) in [(290, "ok"), (290, "idle"), (230, "ok"), (290, "idle"), (230, "idle")] {
            assert_eq!(ingest(RACE, at, &poll(at)), status, "{at}");
        }
        assert_eq!(number("select count(*) from raceday.staged_payloads"), 2);
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 6);
    }

    #[pg_test]
    fn a_failed_payload_is_staged_once_too() {
        migrate();
        assert_eq!(ingest(RACE, 290, "nonsense"), "failed");
        assert_eq!(ingest(RACE, 290, "nonsense"), "idle");
        assert_eq!(
            text("select string_agg(format('%s %s', status, payload), ';') from raceday.staged_payloads").as_deref(),
            Some("failed nonsense")
        );
    }

    #[pg_test]
    fn the_same_body_later_is_marked_unchanged() {
        migrate();
        let generated = text(&format!("select to_json({})", moment(291))).expect("a moment");
        let payload = poll(290).replace("\"header\":{}", &format!("\"header\":{{\"generated_time\":{generated}}}"));
        assert_eq!(ingest(RACE, 290, &payload), "ok");
        assert_eq!(ingest(RACE, 289, &payload), "ok");
        let statuses = "select string_agg(status, ' ' order by fetched_at) from raceday.staged_payloads";
        assert_eq!(text(statuses).as_deref(), Some("processed unchanged"));
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
        assert!(holds(&format!("select processed_through = {} from raceday.race_progress", moment(289))));
    }

    #[pg_test]
    fn a_body_that_is_not_text_is_kept_and_fails() {
        migrate();
        let call = format!(
            "select format('%s|%s', status, error) from raceday.raceday_ingest('event', 'race-1', {}, null, '\\xff00')",
            moment(290)
        );
        assert!(text(&call).expect("a row").starts_with("failed|the body is not text"));
        assert_eq!(
            text("select payload_raw from raceday.staged_payloads where status = 'failed'").as_deref(),
            Some("\\xff00")
        );
    }

    #[pg_test]
    fn a_payload_that_the_database_refuses_is_kept_with_its_message() {
        migrate();
        ingest(RACE, 600, &poll(600));
        run("alter table raceday.entrants add constraint no_seven check (runner_number <> 3) not valid");
        let refused = Poll { pool_win: ["9.7", "9.8", "9.2"], ..Poll::default() }.payload();
        assert_eq!(ingest(RACE, 290, &refused), "failed");
        let kept = text("select error from raceday.staged_payloads where status = 'failed'").expect("one");
        assert!(kept.contains("no_seven"), "{kept}");
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
        run("alter table raceday.entrants drop constraint no_seven");
        assert_eq!(ingest(RACE, 280, &poll(280)), "ok");
    }

    #[pg_test]
    fn a_meetings_list_is_ingested_the_same_way() {
        migrate();
        let list = r#"{"data":{"meetings":[]}}"#;
        let call = format!(
            "select status from raceday.raceday_ingest('meetings', 'meetings:2026-01-02', {}, '{list}', null)",
            moment(290)
        );
        assert_eq!(text(&call).as_deref(), Some("ok"));
        assert_eq!(
            text("select status from raceday.staged_payloads where kind = 'meetings'").as_deref(),
            Some("processed")
        );
    }

    #[pg_test]
    fn a_payload_staged_for_later_is_queued_once() {
        migrate();
        let call = format!(
            "select raceday.raceday_stage('event', 'race-1', {}, {}, null)",
            moment(290),
            spi::quote_literal(poll(290))
        );
        assert_eq!(text(&call).as_deref(), Some("true"));
        assert_eq!(text(&call).as_deref(), Some("false"));
        assert_eq!(number("select count(*) from raceday.pending_payloads"), 1);
        assert_eq!(process(RACE), "ok");
        assert_eq!(text(&call).as_deref(), Some("false"));
        assert_eq!(number("select count(*) from raceday.pending_payloads"), 0);
    }

    #[pg_test]
    fn a_payload_without_a_body_violates_a_check() {
        migrate();
        let call = format!("perform raceday.raceday_ingest('event', 'race-1', {}, null, null);", moment(290));
        run(&format!("do $do$ begin {call} raise 'accepted'; exception when check_violation then null; end $do$"));
        assert_eq!(number("select count(*) from raceday.staged_payloads"), 0);
    }

    #[pg_test]
    fn a_moment_without_a_partition_is_an_error_and_nothing_is_written() {
        migrate();
        for moment in ["infinity", "-infinity", "1999-01-01"] {
            let (moment, payload) = (spi::quote_literal(moment), spi::quote_literal(poll(290)));
            let call = format!("perform raceday.raceday_ingest('event', 'race-1', {moment}, {payload}, null);");
            run(&format!("do $do$ begin {call} raise 'accepted'; exception when check_violation then null; end $do$"));
        }
        assert_eq!(number("select count(*) from raceday.races"), 0);
    }
}
