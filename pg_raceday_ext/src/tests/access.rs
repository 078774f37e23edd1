//! Least privilege: what the fetcher's role may do, and what it may not.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    /// Runs SQL as a role; the SQLSTATE of its failure, or `None`.
    fn as_role(role: &str, sql: &str) -> Option<String> {
        run("create or replace function pg_temp.try_sql(p_role text, p_sql text) returns text language plpgsql as $$
         begin
             execute format('set local role %I', p_role);
             execute p_sql;
             reset role;
             return null;
         exception when others then
             reset role;
             return sqlstate;
         end $$");
        Spi::get_one_with_args::<String>("select pg_temp.try_sql($1, $2)", &[role.into(), sql.into()]).expect("runs")
    }

    #[pg_test]
    fn the_fetcher_stages_and_processes() {
        migrate();
        let payload = spi::quote_literal(Poll::default().payload());
        let stage = format!(
            "insert into raceday.staged_payloads (race_id, fetched_at, payload) values ('race-1', {}, {payload})",
            moment(290)
        );
        assert_eq!(as_role("raceday_fetcher", &stage), None);
        assert_eq!(as_role("raceday_fetcher", "select * from raceday.raceday_process('race-1')"), None);
        for function in ["raceday_ingest", "raceday_stage"] {
            let call = format!("select * from raceday.{function}('event', 'race-1', {}, '{{}}', null)", moment(280));
            assert_eq!(as_role("raceday_fetcher", &call), None, "{function}");
        }
        assert_eq!(number("select count(*) from raceday.money_flow_history"), 3);
        assert_eq!(as_role("raceday_fetcher", "select * from raceday.raceday_claim_races('w', 5)"), None);
        assert_eq!(as_role("raceday_fetcher", "select raceday.raceday_poll_done('race-1', 'w')"), None);
        assert_eq!(as_role("raceday_fetcher", "select raceday.raceday_next_due()"), None);
        assert_eq!(as_role("raceday_fetcher", "select * from raceday.raceday_claim_meetings('w')"), None);
    }

    #[pg_test]
    fn the_fetcher_is_refused_everything_else() {
        migrate();
        let forbidden = [
            "select * from raceday.staged_payloads",
            "delete from raceday.staged_payloads",
            "update raceday.staged_payloads set status = 'processed'",
            "insert into raceday.staged_payloads (race_id, payload, status) values ('x', '{}', 'processed')",
            "select * from raceday.money_flow_history",
            "insert into raceday.money_flow_history (race_id) values ('x')",
            "delete from raceday.money_flow_history",
            "update raceday.races set status = 'Final'",
            "update raceday.entrants set name = 'x'",
            "truncate raceday.race_pools",
            "update raceday.poll_settings set lease = '1 h'",
            "update raceday.refresh_settings set is_aligned = false",
            "select raceday.note_refresh('race-1', 'w', '{}')",
            "insert into raceday.pending_payloads values ('x', now(), 1)",
            "select * from raceday.raceday_rebuild('race-1')",
            "select * from raceday.raceday_rebuild_day('2026-01-02')",
            "select * from raceday.raceday_check('race-1')",
            "select * from partman.part_config",
            "create table raceday.x ()",
            "create function raceday.x() returns int language sql as 'select 1'",
            "create schema x",
        ];
        for sql in forbidden {
            assert_eq!(as_role("raceday_fetcher", sql).as_deref(), Some("42501"), "{sql}");
        }
    }

    #[pg_test]
    fn the_functions_do_not_run_as_superuser() {
        migrate();
        // Three do what only a superuser may: monitor_memory reads three fixed files of the server, raceday_maintain
        // maintains pg_partman's partitions, taking nothing from its caller but whether to retire at once, and
        // import_partition creates that of a past day, for imports.
        let owners = text(
            "select string_agg(distinct pg_get_userbyid(p.proowner), ' ') from pg_proc p
         where p.pronamespace = 'raceday'::regnamespace and p.prosecdef
               and p.proname not in ('monitor_memory', 'raceday_maintain', 'import_partition')",
        );
        assert_eq!(owners.as_deref(), Some("raceday_owner"));
        assert!(holds("select not rolsuper and not rolcanlogin from pg_roles where rolname = 'raceday_owner'"));
    }

    #[pg_test]
    fn every_function_pins_its_search_path() {
        migrate();
        let loose = text(
            "select string_agg(p.oid::regprocedure::text, ' ') from pg_proc p join pg_language l on l.oid = p.prolang
         where p.pronamespace = 'raceday'::regnamespace and p.prosqlbody is null
           and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')",
        );
        assert_eq!(loose, None);
    }
}
