//! What the public can read and call: exactly what is listed here.

use postgres::{Client, NoTls};
use raceday_tests::http::raw_get;
use raceday_tests::stack::Stack;

/// The public surface of schema api: every object and how it is called.
const SURFACE: &[&str] = &[
    "function appwrite_key() stable",
    "function appwrite_read() stable",
    "function appwrite_write(text) volatile",
    "function client_alert_configs(p_query text) volatile",
    "function client_entrants(p_query text) stable",
    "function client_entrants_version(p_query text) stable",
    "function client_health(p_query text) stable",
    "function client_meeting(p_id text) stable",
    "function client_meetings(p_query text) stable",
    "function client_money_flow_timeline(p_query text) stable",
    "function client_money_flow_timeline_version(p_query text) stable",
    "function client_movers(p_query text) stable",
    "function client_next_scheduled_race(p_query text) stable",
    "function client_race(p_id text) stable",
    "function client_race_at(p_query text) stable",
    "function client_race_navigation(p_query text) stable",
    "function client_race_pools(p_query text) stable",
    "function client_race_results(p_query text) stable",
    "function client_races(p_query text) stable",
    "function client_save_alert_configs(text) volatile",
    "function client_signal_chart(p_query text) stable",
    "function client_signal_runners(p_query text) stable",
    "function client_signals(p_query text) stable",
    "function client_upcoming_races(p_query text) stable",
    "function probe_targets() stable",
    "type application/json",
    "view entrants",
    "view meetings",
    "view money_flow",
    "view movers",
    "view odds",
    "view race_pools",
    "view race_results",
    "view races",
    "view signals",
];

/// The views among them.
const VIEWS: [&str; 9] =
    ["meetings", "races", "entrants", "money_flow", "odds", "race_pools", "race_results", "signals", "movers"];

#[test]
fn the_public_surface_is_exactly_the_list() {
    let stack = Stack::shared();
    let rows = stack.connect().query(
        "select * from (select 'view ' || relname as name from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'
         union all
         select case relkind when 'r' then 'table ' else 'relation ' end || relname from pg_class
         where relnamespace = 'api'::regnamespace and relkind <> 'v'
         union all
         select format('function %s(%s) %s', proname, pg_get_function_identity_arguments(oid),
            case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end)
         from pg_proc where pronamespace = 'api'::regnamespace
         union all
         select 'type ' || typname from pg_type
         where typnamespace = 'api'::regnamespace and typrelid = 0 and typelem = 0
         ) surface order by name collate \"C\"",
        &[],
    );
    let found: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(found, SURFACE);
}

#[test]
fn every_public_object_has_a_comment_and_an_owner_without_login() {
    let stack = Stack::shared();
    let bare = stack.value(
        "select coalesce(string_agg(name, ', '), '') from (
            select relname as name, obj_description(oid, 'pg_class') as comment, relowner as owner from pg_class
            where relnamespace = 'api'::regnamespace and relkind = 'v'
            union all
            select proname, obj_description(oid, 'pg_proc'), proowner from pg_proc where pronamespace = 'api'::regnamespace) o
         where comment is null or owner <> 'raceday_owner'::regrole",
    );
    assert_eq!(bare, "");
}

#[test]
fn web_anon_can_use_schema_api_and_nothing_else() {
    let stack = Stack::shared();
    let relations = stack.value(
        "select coalesce(string_agg(distinct c.oid::regclass::text, ' ' order by c.oid::regclass::text), '')
         from pg_class c cross join unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) p
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
           and has_table_privilege('web_anon', c.oid, p) and (c.relnamespace <> 'api'::regnamespace or p <> 'select')
           and has_schema_privilege('web_anon', c.relnamespace, 'usage')",
    );
    assert_eq!(relations, "", "web_anon can reach these relations");
    let functions = stack.value(
        "select coalesce(string_agg(p.oid::regprocedure::text, ' '), '') from pg_proc p
         where has_function_privilege('web_anon', p.oid, 'execute') and has_schema_privilege('web_anon', p.pronamespace, 'usage')
           and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'api'::regnamespace)",
    );
    assert_eq!(functions, "", "web_anon can call these functions");
    let schemas = stack.value(
        "select string_agg(nspname, ' ' order by nspname) from pg_namespace
         where has_schema_privilege('web_anon', oid, 'usage') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and nspname !~ '^pg_'",
    );
    assert_eq!(schemas, "api");
    let creatable = stack.value(
        "select coalesce(string_agg(nspname, ' '), '') from pg_namespace where has_schema_privilege('web_anon', oid, 'create')",
    );
    assert_eq!(creatable, "");
    let roles = stack.value("select string_agg(rolname, ' ' order by rolname) from pg_roles where pg_has_role('authenticator', oid, 'member')");
    assert_eq!(roles, "authenticator web_anon");
    let flags = stack.value(
        "select bool_or(rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or rolinherit)::text from pg_roles
         where rolname in ('authenticator', 'web_anon')",
    );
    assert_eq!(flags, "false");
}

/// Fails unless the statement is refused because a privilege is missing.
fn assert_denied(client: &mut Client, sql: &str) {
    let error = client.batch_execute(sql).expect_err(sql);
    let code = error.code().map_or("", |code| code.code()).to_owned();
    assert!(code == "42501" || code == "42704", "{sql}: {code} {error}");
}

#[test]
fn forbidden_statements_are_refused_to_the_login_itself() {
    let stack = Stack::shared();
    let mut client = Client::connect(&stack.postgres.url("authenticator", "raceday"), NoTls).unwrap();
    for sql in [
        "set role raceday_owner",
        "set role raceday_fetcher",
        "set role postgres",
        "select * from raceday.races",
        "select * from api.races",
        "select api.client_health()",
    ] {
        assert_denied(&mut client, sql);
    }
    client.batch_execute("set role web_anon").unwrap();
    client.batch_execute("select * from api.races limit 1; select api.client_health()").unwrap();
    for sql in [
        "set role raceday_owner",
        "set session authorization postgres",
        "select * from partman.part_config",
        "select * from raceday.raceday_process('x')",
        "select raceday.error_response(400, 'x')",
        "select * from pg_authid",
        "create table api.t (a int)",
        "create function api.f() returns int language sql return 1",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "alter system set jit = off",
        "select lo_import('/etc/passwd')",
    ] {
        assert_denied(&mut client, sql);
    }
    let tables = stack.connect().query(
        "select format('%I.%I', relnamespace::regnamespace, relname) from pg_class where relkind in ('r', 'p', 'v') and relnamespace in
            ('raceday'::regnamespace, 'partman'::regnamespace, 'archive'::regnamespace)",
        &[],
    );
    for row in tables.unwrap() {
        assert_denied(&mut client, &format!("select * from {}", row.get::<_, String>(0)));
    }
    for view in VIEWS {
        for sql in [
            format!("delete from api.{view}"),
            format!("insert into api.{view} default values"),
            format!("truncate api.{view}"),
        ] {
            let error = client.batch_execute(&sql).expect_err(&sql);
            assert!(["42501", "42809"].contains(&error.code().unwrap().code()), "{sql}: {error}");
        }
    }
    for (timeout, expected) in [("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "10s")] {
        let is: String = client.query_one(&format!("show {timeout}"), &[]).unwrap().get(0);
        assert_eq!(is, expected, "{timeout}");
    }
}

#[test]
fn a_temporary_type_does_not_shadow_the_type_of_the_same_name() {
    let stack = Stack::shared();
    let unsafe_ones = stack.value(
        "select coalesce(string_agg(oid::regprocedure::text, ' '), '') from pg_proc
         where pronamespace in ('raceday'::regnamespace, 'api'::regnamespace) and prosecdef
           and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
    );
    assert_eq!(unsafe_ones, "", "these run as their owner and look up types in pg_temp first");
    for (login, role, calls) in [
        (
            "authenticator",
            "web_anon",
            "select api.client_upcoming_races(''); select api.client_meetings('date=2030-01-01')",
        ),
        (
            "raceday_fetcher",
            "raceday_fetcher",
            "select * from raceday.raceday_claim_races('w', 1); select raceday.raceday_claim_meetings('w')",
        ),
    ] {
        let mut client = Client::connect(&stack.postgres.url(login, "raceday"), NoTls).unwrap();
        client
            .batch_execute(&format!(
                "set role {role};
                 create temp table seen (role text); grant insert on seen to public;
                 create function pg_temp.see(anyelement) returns boolean language plpgsql
                     as $$ begin insert into pg_temp.seen values (current_user); return true; end $$;
                 create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.see(value));
                 create domain pg_temp.int4 as pg_catalog.int4 check (pg_temp.see(value));
                 create domain pg_temp.text as pg_catalog.text check (pg_temp.see(value));
                 create domain pg_temp.date as pg_catalog.date check (pg_temp.see(value))"
            ))
            .unwrap();
        client.batch_execute(calls).unwrap();
        let seen = client.query_one("select string_agg(distinct role, ' ') from pg_temp.seen", &[]).unwrap();
        assert_eq!(seen.get::<_, Option<String>>(0), None, "{login} ran its own code as another role");
    }
}

#[test]
fn forbidden_requests_are_refused_over_http() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('ro', 'Roles', 'harness', '2030-01-01'); select seed.race('ro-1', 'ro', 1, '2030-01-01Z')",
    );
    let before = stack
        .value("select md5(string_agg(r::text, '' order by race_id)) from raceday.races r where race_id like 'ro-%'");
    for view in VIEWS {
        assert_eq!(stack.get(&format!("/rest/{view}?limit=1")).status, 200, "{view}");
        for method in ["POST", "PATCH", "DELETE", "PUT"] {
            let response = stack.send(
                method,
                &format!("/rest/{view}?race_id=eq.ro-1"),
                &[("content-type", "application/json")],
                b"{\"race_id\":\"x\"}",
            );
            assert!((400..500).contains(&response.status), "{method} {view}: {} {}", response.status, response.text());
        }
    }
    for path in [
        "/rest/staged_payloads",
        "/rest/user_alert_configs",
        "/rest/part_config",
        "/rest/pg_authid",
        "/rest/rpc/raceday_process?p_race_id=x",
        "/rest/rpc/pg_sleep?seconds=9",
        "/rest/rpc/error_response",
        "/rest/rpc/set_config",
    ] {
        assert_eq!(stack.get(path).status, 404, "{path}");
    }
    for profile in ["raceday", "partman", "pg_catalog", "public"] {
        let response = stack.get_with("/rest/races?limit=1", &[("accept-profile", profile)]);
        assert!((400..500).contains(&response.status), "{profile}: {}", response.text());
    }
    // Tokens mean nothing here: nginx removes them.
    let token = stack.get_with(
        "/rest/races?limit=1",
        &[("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoicmFjZWRheV9vd25lciJ9.")],
    );
    assert_eq!(token.status, 200);
    for filter in [
        "race_id=eq.'%20or%20true--",
        "race_id=in.(\"a\",\"b');drop%20table%20raceday.races;--\")",
        "order=race_id;drop",
        "select=race_id::regclass",
        "race_id=eq.%00",
        "or=(race_id.eq.1,and(",
        "limit=1;select%201",
    ] {
        let response = raw_get(stack.port(), format!("/rest/races?{filter}").as_bytes());
        assert!(response.status < 500, "{filter}: {} {}", response.status, response.text());
    }
    let oversized = stack.get(&format!("/rest/races?race_id=in.({})", "x,".repeat(20_000)));
    oversized.assert_error(414, "oversized filter");
    assert_eq!(
        stack.value(
            "select md5(string_agg(r::text, '' order by race_id)) from raceday.races r where race_id like 'ro-%'"
        ),
        before
    );
}

#[test]
fn native_lists_can_be_filtered_and_embedded() {
    let stack = Stack::shared();
    stack.sql("select seed.meeting('na', 'Native', 'harness', '2030-02-01'); select seed.race('na-1', 'na', 1, '2030-02-01Z'); select seed.runners('na-1', 2)");
    let races =
        stack.json("/rest/races?meeting_id=eq.na&select=race_id,meetings(meeting_name),entrants(runner_number)");
    assert_eq!(races[0]["meetings"]["meeting_name"], "Native");
    assert_eq!(races[0]["entrants"].as_array().unwrap().len(), 2);
    let entrants =
        stack.json("/rest/entrants?race_id=eq.na-1&order=runner_number.desc&limit=1&select=runner_number,races(name)");
    assert_eq!(entrants[0]["runner_number"], 2);
    assert_eq!(entrants[0]["races"]["name"], "Race 1 of Native");
    assert_eq!(stack.json("/rest/meetings?race_type=eq.harness&meeting_id=eq.na")[0]["date"], "2030-02-01");
    stack.sql(
        "select seed.race('na-2', 'na', 2, now()); select seed.runners('na-2', 20); select seed.polls('na-2', 1, 60, 60)");
    let rows = stack.json("/rest/money_flow?race_id=eq.na-2&limit=5000");
    assert_eq!(rows.as_array().unwrap().len(), 1000, "db-max-rows");
}
