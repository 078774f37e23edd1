//! A client that follows a race by the timeline's cursor while late payloads arrive.

use crate::server::{Poll, Server, polls_of, violations};
use chrono::SecondsFormat;
use postgres::Client;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const POLLS: usize = 24;

/// A poll's row of a runner: `polling_timestamp` and `entrant_id`.
type Key = (String, String);

/// What the client received, by id.
#[derive(Default)]
struct Followed {
    documents: BTreeMap<i64, Value>,
    cursor: i64,
}

impl Followed {
    /// Requests the next page; whether it had documents.
    fn next_page(&mut self, client: &mut Client, race_id: &str, entrant_ids: &[String]) -> bool {
        let query = format!("raceId={race_id}&entrants={}&limit=50&cursorAfter={}", entrant_ids.join(","), self.cursor);
        let body: String =
            client.query_one("select api.client_money_flow_timeline($1)::text", &[&query]).unwrap().get(0);
        let body: Value = serde_json::from_str(&body).unwrap();
        let documents = body["documents"].as_array().unwrap();
        for document in documents {
            let id = document["id"].as_i64().unwrap();
            assert!(self.documents.insert(id, document.clone()).is_none(), "row {id} was received twice");
        }
        self.cursor = body["next_cursor"].as_i64().unwrap_or(self.cursor);
        !documents.is_empty()
    }

    /// How often each row's content was received, by the row.
    fn contents(&self) -> BTreeMap<Key, BTreeMap<String, usize>> {
        let mut contents: BTreeMap<Key, BTreeMap<String, usize>> = BTreeMap::new();
        for document in self.documents.values() {
            let (key, content) = split(document);
            *contents.entry(key).or_default().entry(content).or_default() += 1;
        }
        contents
    }
}

/// A document's row, and its content without what tells versions of the row apart.
fn split(document: &Value) -> (Key, String) {
    let mut content = document.clone();
    content.as_object_mut().unwrap().retain(|key, _| key != "id" && key != "created_at");
    let text = |key: &str| document[key].as_str().unwrap().to_owned();
    ((text("polling_timestamp"), text("entrant_id")), content.to_string())
}

fn ingest(client: &mut Client, race_id: &str, poll: &Poll) {
    let sql = "select status from raceday.raceday_ingest('event', $1, $2, $3, null)";
    let status: String = client.query_one(sql, &[&race_id, &poll.fetched_at, &poll.payload]).unwrap().get(0);
    assert_eq!(status, "ok");
}

#[test]
fn a_follower_receives_every_row_in_its_final_state_and_unchanged_ones_once() {
    let server = Server::start(&["followed"]);
    // Before the start: after the close, a late payload can show that a later poll's rows were no late money.
    let (race_id, mut polls) = polls_of(0, POLLS * 4 / 3);
    polls.truncate(POLLS);
    let (mut writer, mut reader) = (server.connect("followed"), server.connect("followed"));
    ingest(&mut writer, &race_id, &polls[0]);
    let entrant_ids: Vec<String> = writer
        .query("select entrant_id from raceday.entrants where race_id = $1", &[&race_id])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let mut followed = Followed::default();
    std::thread::scope(|scope| {
        // Every fourth payload comes after the two that follow it, as from a spool after an outage.
        let late = |at: usize| [at, at + 2, at + 3, at + 1];
        let polls = &polls;
        let race_id = race_id.as_str();
        let writing = scope.spawn(move || {
            for at in (0..POLLS).step_by(4).flat_map(late).filter(|at| *at > 0) {
                ingest(&mut writer, race_id, &polls[at]);
            }
        });
        while !writing.is_finished() {
            followed.next_page(&mut reader, race_id, &entrant_ids);
        }
        writing.join().unwrap();
    });
    while followed.next_page(&mut reader, &race_id, &entrant_ids) {}

    let mut last = Followed::default();
    while last.next_page(&mut reader, &race_id, &entrant_ids) {}
    assert!(last.documents.len() > POLLS * 4, "{} rows", last.documents.len());
    let contents = followed.contents();
    // The late payload before these polls changes the bounds of their rows, which the timeline does not show.
    let moments = polls.iter().map(|poll| poll.fetched_at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let rewritten: BTreeSet<String> =
        moments.enumerate().filter(|(at, _)| at % 4 >= 2).map(|(_, moment)| moment).collect();
    for (id, document) in &last.documents {
        assert_eq!(followed.documents.get(id), Some(document), "the final state of a row was not received");
        let (key, content) = split(document);
        let most = if rewritten.contains(document["polling_timestamp"].as_str().unwrap()) { 2 } else { 1 };
        let times = contents[&key].get(&content).copied().unwrap_or_default();
        assert!((1..=most).contains(&times), "an unchanged row was received {times} times: {content}");
    }
    let final_keys: BTreeSet<Key> = last.documents.values().map(|document| split(document).0).collect();
    assert!(contents.keys().all(|key| final_keys.contains(key)), "a row of a poll that is no longer there");
    assert_eq!(violations(&mut reader, &race_id), [""; 0]);

    let before = last.documents;
    reader.execute("select raceday.raceday_rebuild($1)", &[&race_id]).unwrap();
    let mut rebuilt = Followed::default();
    while rebuilt.next_page(&mut reader, &race_id, &entrant_ids) {}
    assert_eq!(rebuilt.documents, before, "a rebuild of what is right changes no row");
}
