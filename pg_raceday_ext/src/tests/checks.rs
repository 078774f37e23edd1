//! `raceday_check` reports what is wrong, and nothing else.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    fn good_race() {
        migrate();
        for (seconds, win) in [(3600, "1000.00"), (3300, "1100.00"), (290, "2000.00"), (230, "2600.00")] {
            stage(RACE, seconds, &Poll { win, ..Poll::default() }.payload());
        }
        process(RACE);
        assert_eq!(violations(), "");
    }

    fn violations() -> String {
        text("select coalesce(string_agg(distinct violation, ' ' order by violation), '') from raceday.raceday_check('race-1')").expect("text")
    }

    #[pg_test]
    fn a_changed_amount_is_found() {
        good_race();
        run(
            "update raceday.money_flow_history set win_pool_amount = win_pool_amount + 1, incremental_win_amount = incremental_win_amount where time_interval = 3 and entrant_id = 'runner-1'",
        );
        assert_eq!(violations(), "increments missing surplus");
    }

    #[pg_test]
    fn a_lost_row_is_found() {
        good_race();
        run("delete from raceday.money_flow_history where time_interval = 3 and entrant_id = 'runner-1'");
        assert_eq!(violations(), "bounds_sum missing tote_shares");
    }

    #[pg_test]
    fn a_row_twice_is_found() {
        good_race();
        run("insert into raceday.money_flow_history overriding system value
         select (jsonb_populate_record(h, jsonb_build_object('id', -1))).* from raceday.money_flow_history h where time_interval = 3 and entrant_id = 'runner-1'");
        assert_eq!(violations(), "duplicate surplus tote_shares");
    }

    #[pg_test]
    fn wrong_tote_shares_are_found() {
        good_race();
        run("update raceday.money_flow_history set tote_win_percentage = 1 where time_interval = 3");
        assert_eq!(violations(), "tote_shares");
    }

    #[pg_test]
    fn a_stranger_and_a_pending_payload_are_found() {
        good_race();
        run("delete from raceday.entrants where entrant_id = 'runner-1'");
        stage(RACE, 100, &Poll::default().payload());
        assert_eq!(violations(), "current_row missing pending stranger");
    }

    #[pg_test]
    fn a_current_row_that_no_poll_gave_is_found() {
        good_race();
        run("insert into raceday.entrants (entrant_id, race_id) values ('stray', 'race-1')");
        assert_eq!(violations(), "current_row");
    }

    #[pg_test]
    fn columns_that_contradict_each_other_are_found() {
        good_race();
        for change in [
            "incremental_amount = incremental_amount + 1",
            "incremental_amount = null",
            "time_to_start = time_to_start + 1",
            "interval_type = 'live'",
            "seconds_to_start = seconds_to_start - 60",
        ] {
            run(&format!(
                "update raceday.money_flow_history set {change} where time_interval = 3 and entrant_id = 'runner-1'"
            ));
            assert_eq!(violations(), "columns", "{change}");
            run("select * from raceday.raceday_rebuild('race-1')");
        }
    }

    #[pg_test]
    fn a_payload_that_was_lost_from_the_queue_is_found() {
        good_race();
        stage(RACE, 100, &Poll::default().payload());
        run("delete from raceday.pending_payloads");
        assert_eq!(violations(), "missing unqueued");
    }

    #[pg_test]
    fn holds_that_do_not_add_up_are_found() {
        migrate();
        stage(RACE, 290, &Poll { holds: [50, 30, 40], ..Poll::default() }.payload());
        process(RACE);
        assert_eq!(violations(), "holds");
    }
}
