//! The engine and the bench's reference in plain SQL give the same rows.

use crate::server::{Server, polls_of};
use postgres::Client;

const TABLES: [&str; 5] = ["races", "entrants", "race_pools", "money_flow_history", "odds_history"];

/// The columns of a table except those that record when, and in what order, rows were written, and those that the reference spells
/// in another way or leaves out.
fn columns(client: &mut Client, table: &str) -> String {
    let sql = "select string_agg(format('%I', a.attname), ', ' order by a.attnum) from pg_attribute a
               where a.attrelid = ('reference.' || $1)::regclass and a.attnum > 0 and not a.attisdropped
                 and a.attname not in ('id', 'created_at', 'updated_at', 'runner_change') and a.attname not like 'listed%'
                 and a.attname not similar to '(opening|nine_am|highest|lowest)_odds%'
                 and a.attname not in ('win_pool_cents', 'place_pool_cents', 'win_low', 'win_high', 'win_mid', 'flow_multiple', 'evidence')";
    client.query_one(sql, &[&table]).unwrap().get(0)
}

#[test]
fn the_benchs_reference_gives_the_engines_rows() {
    let server = Server::start(&["raceday"]);
    let mut client = server.connect("raceday");
    client.batch_execute(include_str!("../../tools/src/bin/bench-engine/reference.sql")).unwrap();
    for index in 0..2 {
        let (race_id, mut polls) = polls_of(index, 40);
        // The reference does not know the rule for a body that comes again.
        polls.dedup_by(|poll, previous| poll.payload == previous.payload);
        for poll in &polls {
            let sql = "select reference.process($1, $2, $3), raceday_ingest.status
                       from raceday.raceday_ingest('event', $1, $2, $3, null)";
            let status: String = client.query_one(sql, &[&race_id, &poll.fetched_at, &poll.payload]).unwrap().get(1);
            assert_eq!(status, "ok");
        }
    }
    for table in TABLES {
        let columns = columns(&mut client, table);
        let rows = |schema: &str| format!("select {columns} from {schema}.{table}");
        let (engine, reference) = (rows("raceday"), rows("reference"));
        let sql = format!(
            "select row_to_json(d)::text from (select 'engine' as only_in, e.* from ({engine} except all {reference}) e
             union all select 'reference', r.* from ({reference} except all {engine}) r) d"
        );
        let differences: Vec<String> = client.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(differences, [""; 0], "{table}");
        let count: i64 = client.query_one(&format!("select count(*) from raceday.{table}"), &[]).unwrap().get(0);
        assert!(count > 0, "{table} has no rows");
    }
}
