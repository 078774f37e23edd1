//! What the hub may do in the database: hear, and call three functions.

use postgres::{Client, NoTls};
use raceday_tests::database::database;

#[test]
fn the_hub_may_listen_and_read_races_and_nothing_else() {
    let postgres = database();
    let mut hub = Client::connect(&postgres.url("raceday_live", "raceday"), NoTls).unwrap();
    hub.batch_execute("listen raceday").unwrap();
    for allowed in [
        "select * from raceday.live_progress('{}')",
        "select * from raceday.live_delta('x', 0, null)",
        "select * from raceday.live_overview()",
    ] {
        hub.batch_execute(allowed).unwrap_or_else(|error| panic!("{allowed}: {error}"));
    }
    for forbidden in [
        "select * from raceday.races",
        "select * from raceday.staged_payloads",
        "select * from raceday.money_flow_history",
        "select * from api.races",
        "delete from raceday.history_deletions",
        "select raceday.raceday_ingest('event', 'x', now(), '{}', null)",
        "select raceday.raceday_rebuild('x')",
        "select * from raceday.live_rows('x', 0, now(), now())",
        "select raceday.race_version('x')",
        "select api.client_races('')",
        "create table raceday.mine ()",
        "create table public.mine ()",
        "set role raceday_owner",
        "copy (select 1) to program 'true'",
    ] {
        let error = hub.batch_execute(forbidden).expect_err(forbidden);
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}: {error}");
    }
}

#[test]
fn the_hub_can_reach_no_relation_and_no_other_function() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    let mut value = |sql: &str| session.query_one(sql, &[]).unwrap().get::<_, Option<String>>(0).unwrap_or_default();
    let relations = value(
        "select string_agg(c.oid::regclass::text, ' ') from pg_class c
         join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('raceday', 'api', 'analysis', 'archive', 'partman')
         cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p
         where c.relkind in ('r', 'p', 'v', 'm') and has_table_privilege('raceday_live', c.oid, p)
           and has_schema_privilege('raceday_live', n.oid, 'usage')",
    );
    assert_eq!(relations, "");
    let functions = value(
        "select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
         where p.pronamespace in ('raceday'::regnamespace, 'api'::regnamespace)
           and has_function_privilege('raceday_live', p.oid, 'execute') and has_schema_privilege('raceday_live', p.pronamespace, 'usage')",
    );
    let expected =
        "live_delta live_overview live_progress raceday_webhook_claim raceday_webhook_collect raceday_webhook_done";
    assert_eq!(functions, expected);
}
