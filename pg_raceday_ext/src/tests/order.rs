//! The derived tables are a function of the set of staged payloads.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    const POLLS: [(i64, &str, [i64; 3]); 6] = [
        (3600, "1000.00", [50, 30, 20]),
        (3300, "1100.00", [48, 32, 20]),
        (600, "1500.00", [45, 35, 20]),
        (290, "2000.00", [40, 40, 20]),
        (230, "2600.00", [38, 42, 20]),
        (-20, "3000.00", [30, 50, 20]),
    ];

    fn stage_poll(at: usize) {
        let (seconds, win, holds) = POLLS[at];
        let status = if seconds < 0 { "Closed" } else { "Open" };
        stage(RACE, seconds, &Poll { status, win, holds, ..Poll::default() }.payload());
    }

    /// The fingerprint after the polls are processed one by one in this order.
    fn processed_in(order: &[usize]) -> String {
        truncate();
        for at in order {
            stage_poll(*at);
            assert_eq!(process(RACE), "ok");
        }
        fingerprint()
    }

    #[pg_test]
    fn any_order_gives_the_same_tables() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        for order in [[5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3], [0, 1, 3, 2, 4, 5]] {
            assert_same(&processed_in(&order), &ordered, &format!("{order:?}"));
        }
        assert_eq!(number("select count(*) from raceday.raceday_check('race-1')"), 0);
    }

    #[pg_test]
    fn all_in_one_call_gives_the_same_tables() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        truncate();
        for at in [3, 1, 5, 0, 4, 2] {
            stage_poll(at);
        }
        assert_eq!(number("select payloads_processed from raceday.raceday_process('race-1')"), 6);
        assert_eq!(fingerprint(), ordered);
    }

    #[pg_test]
    fn duplicates_change_nothing() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        assert_eq!(processed_in(&[0, 0, 1, 2, 2, 3, 4, 1, 5, 5, 0]), ordered);
    }

    #[pg_test]
    fn a_late_payload_leaves_earlier_rows_alone() {
        migrate();
        processed_in(&[0, 1, 3, 4]);
        let before = text("select array_agg(id order by id) from raceday.money_flow_history where time_interval >= 55");
        stage_poll(2);
        assert_eq!(process(RACE), "ok");
        assert_eq!(
            text("select array_agg(id order by id) from raceday.money_flow_history where time_interval >= 55"),
            before
        );
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 15);
        // Redone rows come after everything clients have seen: no client that pages by id misses them.
        assert!(holds(
            "select min(id) filter (where time_interval = 10) > max(id) filter (where time_interval >= 55) from raceday.money_flow_history"
        ));
    }

    #[pg_test]
    fn a_rebuild_of_what_is_right_changes_no_row() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        let versions = format!(
            "select ({VERSIONS})::text || (
            select array_agg(ctid::text) from (
                select ctid from raceday.money_flow_history union all select ctid from raceday.odds_history) h)::text"
        );
        let before = text(&versions);
        assert!(before.is_some());
        assert_eq!(number("select money_flow_rows from raceday.raceday_rebuild('race-1')"), 0);
        assert_eq!(fingerprint(), ordered);
        assert_eq!(text(&versions), before);
    }

    #[pg_test]
    fn a_rebuild_fixes_what_was_changed_by_hand() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        run("delete from raceday.money_flow_history where time_interval = 4");
        run("update raceday.entrants set name = 'someone', hold_percentage = 1");
        run("insert into raceday.entrants (entrant_id, race_id) values ('stray', 'race-1')");
        run("select * from raceday.raceday_rebuild('race-1')");
        assert_eq!(fingerprint(), ordered);
    }

    #[pg_test]
    fn a_rebuild_deletes_rows_that_no_payload_gives_in_any_partition() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        for history in ["money_flow_history", "odds_history"] {
            run(&format!(
                "update raceday.{history} set polling_timestamp = polling_timestamp - interval '1 day', event_timestamp = event_timestamp - interval '1 day'"
            ));
        }
        run("select * from raceday.raceday_rebuild('race-1')");
        assert_same(&fingerprint(), &ordered, "rows of another day");
        run("delete from raceday.race_progress");
        run("select * from raceday.raceday_rebuild('race-1')");
        assert_same(&fingerprint(), &ordered, "no progress");
    }

    #[pg_test(error = "cannot rebuild race race-1: staging no longer holds the race's first payloads")]
    fn a_race_without_progress_whose_payloads_are_gone_is_not_rebuilt() {
        migrate();
        processed_in(&[0, 1, 2]);
        run("delete from raceday.race_progress");
        run(
            "delete from raceday.staged_payloads where fetched_at = (select min(fetched_at) from raceday.staged_payloads)",
        );
        run("select * from raceday.raceday_rebuild('race-1')");
    }

    #[pg_test]
    fn a_late_payload_fails_without_the_first_ones_and_holds_up_no_newer_one() {
        migrate();
        let expected = processed_in(&[0, 1, 3, 5]);
        processed_in(&[0, 1, 3]);
        run(
            "delete from raceday.staged_payloads where fetched_at = (select min(fetched_at) from raceday.staged_payloads)",
        );
        stage_poll(2);
        stage_poll(5);
        let call = text(
            "select format('%s %s %s %s', status, payloads_processed, payloads_failed, error) from raceday.raceday_process('race-1')",
        );
        let reason = "older than what is processed, and the race cannot be redone: staging no longer holds the race's first payloads";
        assert_eq!(call, Some(format!("ok 1 1 {reason}")));
        assert_eq!(text("select error from raceday.staged_payloads where status = 'failed'").as_deref(), Some(reason));
        assert_same(&fingerprint(), &expected, "the newer one");
    }

    #[pg_test]
    fn a_day_is_rebuilt_race_by_race() {
        migrate();
        let ordered = processed_in(&[0, 1, 2, 3, 4, 5]);
        run("truncate raceday.money_flow_history");
        assert_eq!(number("select count(*) from raceday.raceday_rebuild_day('2026-01-02')"), 1);
        assert_eq!(fingerprint(), ordered);
        run("update raceday.races set meeting_id = null");
        let day = "select (start_time at time zone 'Pacific/Auckland')::date from raceday.races";
        assert_eq!(number(&format!("select count(*) from raceday.raceday_rebuild_day(({day}))")), 1);
        assert_eq!(fingerprint(), ordered);
    }

    #[pg_test(error = "cannot rebuild race race-1: staging no longer holds the race's first payloads")]
    fn a_race_whose_payloads_are_gone_is_not_rebuilt() {
        migrate();
        processed_in(&[0, 1, 2]);
        run(
            "delete from raceday.staged_payloads where fetched_at = (select min(fetched_at) from raceday.staged_payloads)",
        );
        run("select * from raceday.raceday_rebuild('race-1')");
    }

    #[pg_test]
    fn the_same_payload_again_writes_no_row() {
        migrate();
        let payload = Poll::default().payload();
        stage(RACE, 290, &payload);
        process(RACE);
        let versions = format!(
            "select ({VERSIONS})::text || (
            select array_agg(ctid::text) from (
                select ctid from raceday.money_flow_history union all select ctid from raceday.odds_history) h)::text"
        );
        let before = text(&versions);
        assert!(before.is_some());
        stage(RACE, 290, &payload);
        assert_eq!(process(RACE), "ok");
        assert_eq!(text(&versions), before);
        assert_eq!(
            text("select string_agg(status, ' ' order by payload_id) from raceday.staged_payloads").as_deref(),
            Some("processed unchanged")
        );
    }

    #[pg_test]
    fn pending_races_are_processed_in_one_call() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        stage("race-2", 280, "nonsense");
        let statuses = text(
            "select string_agg(race_id || ' ' || status, ', ' order by race_id) from raceday.raceday_process_pending(10)",
        );
        assert_eq!(statuses.as_deref(), Some("race-1 ok, race-2 failed"));
        assert_eq!(number("select count(*) from raceday.pending_payloads"), 0);
    }
}
