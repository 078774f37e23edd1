//! The day's meetings list: what is followed, and what a bad value loses.

use raceday_core::{Category, MeetingsList, PayloadError, Phase};

fn read(payload: &str) -> Result<MeetingsList, PayloadError> {
    MeetingsList::parse(payload, &["NZ".to_owned(), "AUS".to_owned()], &["T".to_owned(), "H".to_owned()])
}

const LIST: &str = r#"{"data":{"meetings":[
    {"meeting":"m2","name":"Cambridge","date":"2025-11-23T00:00:00Z","category":"H","country":"NZ","state":"NZ",
     "track_condition":"Fast","tote_status":"open","races":[
        {"id":"r2","race_number":2,"name":"Two","start_time":"2025-11-23T02:30:00Z","status":"OPEN","distance":2200,
         "weather":"FINE","track_condition":"Fast"},
        {"id":"r1","race_number":1,"name":"One","start_time":"2025-11-23T02:00:00Z","status":"Final","distance":1700}]},
    {"meeting":"m1","name":"Randwick","date":"2025-11-23","category":"T","country":"AUS","races":null},
    {"meeting":"m3","name":"Dogs","date":"2025-11-23","category":"G","country":"NZ","races":[]},
    {"meeting":"m4","name":"Ascot","date":"2025-11-23","category":"T","country":"GBR","races":[]}]}}"#;

#[test]
fn a_list_gives_the_followed_meetings_and_races_in_order() {
    let list = read(LIST).unwrap();
    let ids: Vec<_> = list.meetings.iter().map(|meeting| meeting.meeting_id.as_str()).collect();
    assert_eq!(ids, ["m1", "m2"]);
    let harness = &list.meetings[1];
    assert_eq!((harness.category, harness.date.as_str()), (Category::Harness, "2025-11-23"));
    assert_eq!((harness.weather.as_deref(), harness.tote_status.as_deref()), (Some("FINE"), Some("open")));
    let races: Vec<_> =
        list.races.iter().map(|race| (race.race_id.as_str(), race.status.as_str(), race.phase)).collect();
    assert_eq!(races, [("r1", "Final", Phase::Finished), ("r2", "Open", Phase::Upcoming)]);
    // 2025-11-23 02:00 UTC.
    assert_eq!((list.races[0].start_us, list.races[0].category), (1_763_863_200_000_000, Category::Harness));
    assert_eq!(list.report.line(), None);
    let harness_only = MeetingsList::parse(LIST, &["NZ".to_owned()], &["H".to_owned()]).unwrap();
    assert_eq!(harness_only.meetings.len(), 1);
}

#[test]
fn a_bad_meeting_or_race_is_lost_alone() {
    for (from, to, meetings, races, bad) in [
        ("\"m2\"", "null", 1, 0, 1),
        ("2025-11-23T00:00:00Z", "0000-01-01T00:00:00Z", 1, 0, 2),
        ("2025-11-23T00:00:00Z", "2025-11-31", 1, 0, 2),
        ("\"r2\"", "17", 2, 1, 2),
        ("2025-11-23T02:30:00Z", "later", 2, 1, 1),
        ("\"Cambridge\"", "\"a\\u0000b\"", 2, 2, 1),
        ("\"Cambridge\"", "\"\\ud800\"", 2, 2, 1),
        ("\"races\":null", "\"races\":\"\\ud800\"", 2, 2, 1),
        ("2200", "-1", 2, 2, 1),
        ("\"OPEN\"", "null", 2, 2, 0),
    ] {
        let list = read(&LIST.replacen(from, to, 1)).unwrap();
        assert_eq!((list.meetings.len(), list.races.len()), (meetings, races), "{from} → {to}");
        assert_eq!(list.report.bad_values, bad, "{from} → {to}: {:?}", list.report);
    }
}

#[test]
fn a_list_is_whole_if_it_is_the_only_page_and_leaves_no_followed_race_out() {
    assert!(read(LIST).unwrap().is_whole);
    for (from, to, is_whole) in [
        ("{\"data\"", "{\"params\":{\"limit\":200,\"offset\":0},\"data\"", true),
        ("{\"data\"", "{\"params\":{\"limit\":5},\"data\"", true),
        ("{\"data\"", "{\"params\":{\"limit\":4},\"data\"", false),
        ("{\"data\"", "{\"params\":{\"offset\":200},\"data\"", false),
        ("\"Cambridge\"", "7", true),
        ("\"m2\"", "null", false),
        ("\"m3\"", "null", true),
        ("\"r2\"", "17", false),
        ("\"races\":null", "\"races\":7", false),
        ("{\"meeting\":\"m1\"", "7,{\"meeting\":\"m1\"", false),
    ] {
        assert_eq!(read(&LIST.replacen(from, to, 1)).unwrap().is_whole, is_whole, "{from} → {to}");
    }
    assert!(read(r#"{"data":{"meetings":null}}"#).unwrap().is_whole);
}

#[test]
fn a_payload_that_is_not_a_list_fails() {
    assert!(matches!(read(&LIST[..200]), Err(PayloadError::NotJson(_))));
    for payload in [
        "null",
        "{}",
        "[]",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":{}}"#,
        r#"{"data":{"races":[]}}"#,
        r#"{"data":{"meetings":{}}}"#,
        r#"{"data":{"meetings":""}}"#,
    ] {
        assert_eq!(read(payload), Err(PayloadError::NoMeetings), "{payload}");
    }
}

#[test]
fn an_empty_list_is_a_day_without_racing() {
    // The vendor's schema: `meetings` is required and nullable.
    for payload in [r#"{"data":{"meetings":[]}}"#, r#"{"data":{"meetings":null}}"#] {
        let list = read(payload).unwrap();
        assert!(list.meetings.is_empty() && list.races.is_empty(), "{payload}");
        assert_eq!(list.report.line(), None, "{payload}");
    }
}
