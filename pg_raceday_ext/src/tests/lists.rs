//! A day's meetings list.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    const LIST: &str = "meetings:2026-01-02";

    fn list(start_offset: i64, status: &str, track: &str) -> String {
        format!(
            r#"{{"data":{{"meetings":[
        {{"meeting":"meeting-1","name":"Track","date":"2026-01-02T00:00:00Z","category":"T","country":"NZ","track_condition":"{track}","races":[
          {{"id":"race-1","race_number":1,"name":"Listed one","start_time":"{}","status":"{status}","distance":1400,"weather":"Fine"}}]}},
        {{"meeting":"meeting-2","name":"Dogs","date":"2026-01-02T00:00:00Z","category":"G","country":"NZ","races":[]}},
        {{"meeting":"meeting-3","name":"Far","date":"2026-01-02T00:00:00Z","category":"H","country":"FR","races":[]}},
        {{"meeting":7,"date":"2026-01-02","category":"H","country":"AUS","races":[{{"id":"lost"}}]}}]}}}}"#,
            text(&format!(
                "select to_char(to_timestamp({}) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
                start() + start_offset
            ))
            .expect("a time"),
        )
    }

    fn stage_list(seconds_to_start: i64, payload: &str) {
        run(&format!(
            "insert into raceday.staged_payloads (kind, race_id, fetched_at, payload) values ('meetings', '{LIST}', {}, {})",
            moment(seconds_to_start),
            spi::quote_literal(payload)
        ));
    }

    #[pg_test]
    fn a_list_creates_the_meetings_and_races_that_are_followed() {
        migrate();
        stage_list(7200, &list(0, "Open", "Good"));
        let call = text(&format!(
            "select format('%s %s %s %s', status, meetings_changed, races_changed, report) from raceday.raceday_process('{LIST}')"
        ));
        assert_eq!(call.as_deref(), Some("ok 1 1 2 bad values: meetings[].meeting, meetings[]"));
        assert_eq!(
            text("select format('%s %s %s', meeting_name, race_type, weather) from raceday.meetings").as_deref(),
            Some("Track thoroughbred Fine")
        );
        assert_eq!(number("select count(*) from raceday.due_races"), 1);
    }

    #[pg_test]
    fn a_list_under_a_races_id_fails_alone() {
        migrate();
        stage(RACE, 290, &Poll::default().payload());
        let list = spi::quote_literal(list(0, "Open", "Good"));
        let at = moment(280);
        run(&format!(
            "insert into raceday.staged_payloads (kind, race_id, fetched_at, payload) values ('meetings', 'race-1', {at}, {list})"
        ));
        assert_eq!(process(RACE), "ok");
        assert_eq!(
            text("select string_agg(kind || ' ' || status, ', ' order by fetched_at) from raceday.staged_payloads")
                .as_deref(),
            Some("event processed, meetings failed")
        );
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
    }

    #[pg_test]
    fn a_list_that_is_pending_at_a_rebuild_is_processed() {
        migrate();
        stage_list(7200, &list(0, "Open", "Good"));
        assert_eq!(text(&format!("select status from raceday.raceday_rebuild('{LIST}')")).as_deref(), Some("ok"));
        assert_eq!(text("select status from raceday.staged_payloads").as_deref(), Some("processed"));
        assert_eq!(number("select count(*) from raceday.races"), 1);
    }

    #[pg_test]
    fn an_unchanged_list_writes_nothing() {
        migrate();
        stage_list(7200, &list(0, "Open", "Good"));
        process(LIST);
        let before = text(VERSIONS);
        stage_list(7000, &list(0, "Open", "Good"));
        process(LIST);
        assert_eq!(text(VERSIONS), before);
    }

    #[pg_test]
    fn polls_own_a_race_and_a_list_moves_its_schedule() {
        migrate();
        stage_list(7200, &list(0, "Open", "Good"));
        process(LIST);
        stage(RACE, 600, &Poll::default().payload());
        process(RACE);
        stage_list(500, &list(900, "Open", "Soft"));
        process(LIST);
        assert_eq!(text("select name from raceday.races").as_deref(), Some("Race one"));
        assert_eq!(
            text("select weather from raceday.races").as_deref(),
            Some("Fine"),
            "only the list reports the weather"
        );
        assert!(holds(&format!("select start_time = {} from raceday.races", moment(0))));
        assert!(holds(&format!("select listed_start_time = {} from raceday.races", moment(-900))));
        assert_eq!(text("select track_condition from raceday.meetings").as_deref(), Some("Soft"));
    }

    #[pg_test]
    fn an_older_list_only_adds_what_is_missing() {
        migrate();
        stage_list(7000, &list(900, "Open", "Soft"));
        process(LIST);
        stage_list(7200, &list(0, "Open", "Good"));
        process(LIST);
        assert!(holds(&format!("select start_time = {} from raceday.races", moment(-900))));
        assert_eq!(text("select track_condition from raceday.meetings").as_deref(), Some("Soft"));
    }

    #[pg_test]
    fn a_payload_that_is_not_a_list_fails() {
        migrate();
        stage_list(7200, r#"{"data":{"meetings":5}}"#);
        let error = text(&format!("select error from raceday.raceday_process('{LIST}')")).expect("an error");
        assert!(error.contains("no meetings (data.meetings"), "{error}");
        run(
            "insert into raceday.staged_payloads (kind, race_id, payload) values ('meetings', 'meetings:someday', '{}')",
        );
        let error = text("select error from raceday.raceday_process('meetings:someday')").expect("an error");
        assert!(error.contains("meetings:YYYY-MM-DD"), "{error}");
    }
}
