//! Figures, worked out by hand.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    #[pg_test]
    fn one_poll_gives_the_rows_worked_out_on_paper() {
        migrate();
        stage(RACE, 240, &Poll::default().payload());
        assert_eq!(process(RACE), "ok");
        // 50 % of 1000.00 dollars; the tote shares are 1/1.7 : 1/2.8 : 1/4.2 = 0.588235 : 0.357143 : 0.238095 of 1.183473.
        let row = text(
        "select format('%s', (entrant_id, hold_percentage, bet_percentage, time_interval, time_to_start, interval_type, win_pool_amount,
             place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_amount, incremental_win_amount,
             incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, pool_win_odds, type, pool_type, is_consolidated))
         from raceday.money_flow_history where entrant_id = 'runner-1'",
    );
        assert_eq!(
            row.as_deref(),
            Some(
                "(runner-1,50.00,50.00,4,4,30s,50000,20000,50.00,50.00,0,0,0,49.70,49704,1.50,1.70,bucketed_aggregation,combined,t)"
            )
        );
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
        assert_eq!(number("select count(*) from raceday.odds_history"), 12);
        assert_eq!(text("select barrier from raceday.entrants where entrant_id = 'runner-3'").as_deref(), Some("3"));
        assert_eq!(text("select win_pool_total from raceday.race_pools").as_deref(), Some("1000.00"));
        assert_eq!(text("select phase || ' ' || status from raceday.races").as_deref(), Some("upcoming Open"));
        assert_eq!(
            text("select meeting_name || ' ' || date from raceday.meetings").as_deref(),
            Some("Track 2026-01-02")
        );
    }

    #[pg_test]
    fn increments_count_from_the_bucket_before() {
        migrate();
        for (seconds, win) in [
            (3600, "1000.00"),
            (3540, "1100.00"),
            (3300, "1300.00"),
            (290, "2000.00"),
            (275, "2200.00"),
            (235, "2500.00"),
        ] {
            stage(RACE, seconds, &Poll { win, ..Poll::default() }.payload());
            assert_eq!(process(RACE), "ok");
        }
        // Half of each pool: 500, 550, 650, 1000, 1100, 1250 dollars in the buckets 60, 55, 55, 4, 4, 3.
        let increments = text(
            "select string_agg(time_interval || ':' || incremental_win_amount, ' ' order by id)
         from raceday.money_flow_history where entrant_id = 'runner-1'",
        );
        assert_eq!(increments.as_deref(), Some("60:50000 55:5000 55:15000 4:35000 4:45000 3:15000"));
    }

    #[pg_test]
    fn a_falling_hold_gives_a_negative_increment_and_is_counted() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        process(RACE);
        stage(RACE, 200, &Poll { holds: [40, 30, 30], ..Poll::default() }.payload());
        let report = text("select report from raceday.raceday_process('race-1')");
        assert_eq!(report.as_deref(), Some("2 negative increments"));
        assert_eq!(number("select min(incremental_win_amount) from raceday.money_flow_history"), -10_000);
    }

    #[pg_test]
    fn odds_history_has_a_row_only_where_odds_changed() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        process(RACE);
        stage(RACE, 275, &Poll { pool_win: ["1.7", "2.5", "4.2"], win: "1100.00", ..Poll::default() }.payload());
        assert_eq!(number("select odds_rows from raceday.raceday_process('race-1')"), 1);
        let row = text(
            "select format('%s %s %s', entrant_id, type, odds) from raceday.odds_history order by id desc limit 1",
        );
        assert_eq!(row.as_deref(), Some("runner-2 pool_win 2.50"));
    }

    #[pg_test]
    fn what_a_poll_omits_stays_known() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        process(RACE);
        let bare = format!(
            r#"{{"data":{{"race":{{"event_id":"{RACE}","type":"T","advertised_start":{},"status":"Open"}},
        "runners":[{{"entrant_id":"runner-1","odds":null}}],"money_tracker":null,"tote_pools":null}}}}"#,
            start()
        );
        stage(RACE, 275, &bare);
        assert_eq!(process(RACE), "ok");
        let entrant = text(
            "select format('%s %s %s %s', name, win_odds, pool_win_odds, hold_percentage) from raceday.entrants where entrant_id = 'runner-1'",
        );
        assert_eq!(entrant.as_deref(), Some("Runner 1 1.50 1.70 50.00"));
        assert_eq!(text("select win_pool_total from raceday.race_pools").as_deref(), Some("1000.00"));
        assert_eq!(text("select name from raceday.races").as_deref(), Some("Race one"));
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
    }

    #[pg_test]
    fn results_and_phases_follow_the_status() {
        migrate();
        for (seconds, status) in [(60, "OPEN"), (-30, "closed"), (-200, "Interim"), (-300, "Final")] {
            stage(RACE, seconds, &Poll { status, ..Poll::default() }.payload());
            process(RACE);
            let phase = text("select status || ' ' || phase from raceday.races").expect("a race");
            let expected = match seconds {
                60 => "Open upcoming",
                -30 => "Closed in_progress",
                -200 => "Interim in_progress",
                _ => "Final finished",
            };
            assert_eq!(phase, expected);
        }
        assert_eq!(text("select result_status from raceday.race_results").as_deref(), Some("final"));
        assert!(holds(&format!("select finalized_at = {} from raceday.races", moment(-300))));
        assert_eq!(text("select status from raceday.meetings").as_deref(), Some("completed"));
        assert_eq!(
            text("select fixed_odds_data #>> '{1,fixed_win}' from raceday.race_results").as_deref(),
            Some("1.50")
        );
    }

    #[pg_test]
    fn an_abandoned_race_without_history_gets_its_current_state_only() {
        migrate();
        stage(RACE, 290, &Poll { status: "Abandoned", ..Poll::default() }.payload());
        assert_eq!(process(RACE), "ok");
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 0);
        assert_eq!(number("select count(*) from raceday.odds_history"), 0);
        assert_eq!(number("select count(*) from raceday.entrants"), 3);
        assert_eq!(text("select phase from raceday.races").as_deref(), Some("abandoned"));
        assert_eq!(text("select status from raceday.meetings").as_deref(), Some("cancelled"));
    }

    #[pg_test]
    fn a_recorded_race_gives_the_figures_worked_out_on_paper() {
        migrate();
        let race_id = "26d24357-1d7a-42f9-be26-549cd91f0681";
        stage(race_id, 0, include_str!("../../../tests/fixtures/race/final.json"));
        assert_eq!(process(race_id), "ok");
        // Runner 6: hold 10 + 1 + 3 + 6 + 2 = 22 %, bets 8 + 1 + 3 + 5 + 2 = 19 %. Of 16841.58 $ 3705.1476 $, of 6033.38 $ 1327.3436 $.
        // Its tote share: 1/3.1 = .3225806 of 1/7.6 + 1/3.8 + 1/63.5 + 1/14.8 + 1/78.5 + 1/3.1 + 1/7.9 + 1/27.9 + 1/6 + 1/17.5 =
        // 1.1996060: 26.8905 %, 4528.793 $.
        let row = text(
            "select format('%s', (h.hold_percentage, h.bet_percentage, h.win_pool_amount, h.place_pool_amount, h.tote_win_percentage, h.tote_win_amount))
             from raceday.money_flow_history h join raceday.entrants e using (entrant_id) where e.runner_number = 6",
        );
        assert_eq!(row.as_deref(), Some("(22.00,19.00,370515,132734,26.89,452879)"));
        assert_eq!(
            text("select format('%s %s', data_quality_score, extracted_pools) from raceday.race_pools").as_deref(),
            Some("100 6")
        );
        assert_eq!(
            text("select results_data #>> '{0,name}' from raceday.race_results").as_deref(),
            Some("Indigo Cricket")
        );
        assert_eq!(number("select jsonb_array_length(dividends_data) from raceday.race_results"), 16);
    }

    const VENDORS_SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/nztab/samples/event.json");

    /// Runs in the test program, whose output is shown; the test itself runs in the server.
    #[test]
    fn a_missing_vendors_sample_is_reported() {
        if !std::path::Path::new(VENDORS_SAMPLE).exists() {
            use std::io::Write;
            // Not captured, unlike eprintln.
            let _ = writeln!(std::io::stderr(), "not compared with the vendor's sample: {VENDORS_SAMPLE} is missing");
        }
    }

    #[pg_test]
    fn the_vendors_sample_gives_the_figures_worked_out_on_paper() {
        let Ok(sample) = std::fs::read_to_string(VENDORS_SAMPLE) else { return };
        migrate();
        let race_id = "0f57e087-00d9-4c61-9549-835abe2ae2ed";
        stage(race_id, 0, &sample);
        assert_eq!(process(race_id), "ok");
        // Runner 1 holds 10 + 7 + 1 = 18 % of 9151.38 and 3923.51 dollars. Its tote share: 1/4.4 of the sum of 1/pool_win, 1.1949...
        let row = text(
        "select format('%s', (h.hold_percentage, h.bet_percentage, h.win_pool_amount, h.place_pool_amount, h.tote_win_percentage, h.tote_win_amount))
         from raceday.money_flow_history h join raceday.entrants e using (entrant_id) where e.runner_number = 1",
    );
        assert_eq!(row.as_deref(), Some("(18.00,14.00,164725,70623,19.02,174024)"));
        assert_eq!(
            text("select format('%s %s', data_quality_score, extracted_pools) from raceday.race_pools").as_deref(),
            Some("95 6")
        );
        assert_eq!(text("select results_data #>> '{0,name}' from raceday.race_results").as_deref(), Some("Frosbie"));
        assert_eq!(number("select jsonb_array_length(dividends_data) from raceday.race_results"), 14);
    }

    #[pg_test]
    fn raceday_transform_shows_the_rows_and_writes_nothing() {
        migrate();
        let payload = spi::quote_literal(Poll::default().payload());
        let at = moment(240);
        assert_eq!(
            number(&format!(
                "select win_pool_amount from raceday.raceday_transform({payload}, {at}) where entrant_id = 'runner-2'"
            )),
            30_000
        );
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 0);
    }

    #[pg_test(
        error = "the payload cannot be used: not JSON or truncated: expected value at line 1 column 1; check that the response is complete"
    )]
    fn raceday_transform_reports_what_is_wrong() {
        migrate();
        run("select * from raceday.raceday_transform('<html>', now())");
    }

    #[pg_test]
    fn raceday_time_interval_is_the_bucket() {
        let buckets = text(
            "select string_agg(raceday.raceday_time_interval(s)::text, ' ' order by s) from unnest(array[-61, -1, 0, 59, 299, 300, 3599, 3600]) s",
        );
        assert_eq!(buckets.as_deref(), Some("-2 -1 0 0 4 5 55 60"));
    }
}
