//! Signals in the tables: in any order, after a rebuild, and whatever is calibrated later.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    /// Seconds to the start, win pool, tote odds of the three runners.
    type Step = (i64, &'static str, [&'static str; 3]);

    /// The third runner is backed from 60 seconds before the start.
    const STEPS: [Step; 7] = [
        (3600, "10000.00", ["1.6", "2.8", "12.0"]),
        (310, "20000.00", ["1.6", "2.8", "12.0"]),
        (200, "21000.00", ["1.6", "2.7", "12.1"]),
        (90, "22000.00", ["1.6", "2.8", "12.0"]),
        (60, "26000.00", ["1.7", "3.2", "5.0"]),
        (45, "30000.00", ["1.8", "3.5", "3.9"]),
        (-20, "31000.00", ["1.8", "3.5", "3.8"]),
    ];

    fn payload(race_id: &str, (seconds, win, pool_win): Step) -> String {
        let status = if seconds < 0 { "Final" } else { "Open" };
        Poll { status, win, pool_win, ..Poll::default() }.payload().replace(RACE, race_id)
    }

    fn stage_step(at: usize) {
        stage(RACE, STEPS[at].0, &payload(RACE, STEPS[at]));
    }

    fn run_race(race_id: &str) {
        for step in STEPS {
            assert_eq!(ingest(race_id, step.0, &payload(race_id, step)), "ok");
        }
    }

    fn signals() -> String {
        text(
            "select coalesce(string_agg(concat_ws(' ', entrant_id, level, seconds_to_start, provisional, calibration_version), ', '
                order by entrant_id, level), '') from raceday.signals where race_id = 'race-1'",
        )
        .expect("text")
    }

    fn violations(race_id: &str) -> i64 {
        number(&format!("select count(*) from raceday.raceday_check({})", spi::quote_literal(race_id)))
    }

    #[pg_test]
    fn a_plunge_is_a_signal_in_any_order() {
        migrate();
        run_race(RACE);
        assert_eq!(signals(), "runner-3 20 60 t, runner-3 200 45 t");
        assert_eq!(violations(RACE), 0);
        let ordered = fingerprint();
        for order in [[6, 5, 4, 3, 2, 1, 0], [0, 5, 1, 4, 2, 3, 6], [0, 1, 2, 3, 5, 6, 4]] {
            truncate();
            for at in order {
                stage_step(at);
                assert_eq!(process(RACE), "ok");
            }
            assert_same(&fingerprint(), &ordered, &format!("{order:?}"));
            assert_eq!(violations(RACE), 0);
        }
        run("select raceday.raceday_rebuild('race-1')");
        assert_same(&fingerprint(), &ordered, "rebuilt");
    }

    #[pg_test]
    fn a_late_payload_replaces_signals_and_keeps_those_that_stay() {
        migrate();
        for at in [0, 1, 2, 4, 5] {
            stage_step(at);
            assert_eq!(process(RACE), "ok");
        }
        let written = "select string_agg(concat(level, ' ', created_at), ', ' order by level) from raceday.signals";
        let before = text(written);
        run("select raceday.raceday_rebuild('race-1')");
        assert_eq!(text(written), before);
        stage_step(3);
        assert_eq!(process(RACE), "ok");
        assert_ne!(text(written), before);
        assert_eq!(violations(RACE), 0);
    }

    #[pg_test]
    fn wrong_signals_are_found() {
        migrate();
        run_race(RACE);
        for (change, expected) in [
            ("delete from raceday.signals where level = 20", "signal_levels signals"),
            ("update raceday.signals set evidence = evidence + 1", "signal_evidence signals"),
            ("update raceday.signals set excess = -1", "signals"),
            ("update raceday.signals set reasons = '{}'", "signals"),
            (
                "update raceday.money_flow_history set win_mid = win_high + 1 where seconds_to_start = 60",
                "bounds missing surplus",
            ),
            (
                "update raceday.money_flow_history set evidence = 1 where seconds_to_start = 310",
                "evidence missing surplus",
            ),
        ] {
            run(change);
            let found = text(
                "select string_agg(distinct violation, ' ' order by violation) from raceday.raceday_check('race-1')",
            );
            assert_eq!(found.as_deref(), Some(expected), "{change}");
            run("select raceday.raceday_rebuild('race-1')");
        }
    }

    /// A version in force from a moment before the start on, by which nothing is unusual.
    fn calibrate_by_hand(version: i64, seconds: i64) {
        run(&format!(
            "insert into raceday.signal_calibrations (version, effective_from, calibrated_from, calibrated_to, band, phi, place_phi, n,
                 evidence_20, evidence_200)
             select {version}, {from}, {from}, {from}, band, 900000, 900000, 999, 500, 600 from unnest(array['small', 'medium', 'large']) band",
            from = moment(seconds)
        ));
    }

    #[pg_test]
    fn a_changed_calibration_changes_no_past_row() {
        migrate();
        calibrate_by_hand(1, 50);
        for step in &STEPS[..6] {
            assert_eq!(ingest(RACE, step.0, &payload(RACE, *step)), "ok");
        }
        // Version 1 judges the poll at 45 seconds only: what came before stays provisional.
        assert_eq!(signals(), "runner-3 20 60 t");
        let before = fingerprint();
        calibrate_by_hand(2, 44);
        run("select raceday.raceday_rebuild('race-1')");
        assert_same(&fingerprint(), &before, "rebuilt");
        assert_eq!(violations(RACE), 0);
    }

    #[pg_test]
    fn a_calibration_is_written_once() {
        migrate();
        for race_id in ["race-1", "race-2", "race-3"] {
            run_race(race_id);
        }
        let call = format!("raceday.raceday_calibrate({}, {})", moment(60), moment(-60));
        let calibrated = || text(&format!("select concat_ws(' ', is_new, races, kinds) from {call}"));
        let found = [calibrated(), calibrated()];
        assert_eq!(found, ["t 3 3", "f 3 3"].map(|text| Some(text.to_owned())));
        assert_eq!(number("select count(distinct version) from raceday.signal_calibrations"), 1);
        // Evidence with a new φ differs, so the flows are compared, not the evidence.
        assert_eq!(
            text("select string_agg(concat_ws(' ', coalesce(country, '*'), coalesce(category, '*'), band, n, phi >= 1000), ', '
                      order by country, category) from raceday.signal_calibrations")
            .as_deref(),
            Some("NZ T large 3 t, * T large 3 t, * * large 3 t")
        );
        // A race that is polled again is collected again.
        assert_eq!(number(&format!("select raceday.raceday_collect_flows({}, {}, 9)", moment(60), moment(-60))), 0);
        run(
            "update raceday.race_progress set rows_created_at = rows_created_at + interval '1 s' where race_id = 'race-2'",
        );
        assert_eq!(number(&format!("select raceday.raceday_collect_flows({}, {}, 9)", moment(60), moment(-60))), 1);
    }

    #[pg_test(error = "rows of raceday.signal_calibrations never change")]
    fn a_calibration_never_changes() {
        migrate();
        calibrate_by_hand(1, 50);
        run("update raceday.signal_calibrations set phi = 1");
    }

    #[pg_test]
    fn collected_flows_give_the_evidence_of_the_rows() {
        migrate();
        run_race(RACE);
        // With φ as provisional as the rows', 1 race in 20 of 19 equal ones has their largest evidence.
        for number in 2..=19 {
            run_race(&format!("race-{number}"));
        }
        run(&format!("select raceday.raceday_calibrate({}, {})", moment(60), moment(-60)));
        assert!(holds(
            "select c.evidence_20 = (select max(h.evidence) from raceday.money_flow_history h)
             from raceday.signal_calibrations c where c.country = 'NZ'"
        ));
    }
}
