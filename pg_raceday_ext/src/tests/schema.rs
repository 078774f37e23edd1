//! The specification's tables and columns.

#[pgrx::pg_schema]
mod tests {
    use crate::tests::*;

    fn columns(table: &str) -> String {
        text(&format!(
        "select string_agg(column_name || ' ' || case data_type when 'numeric' then 'numeric(' || numeric_precision || ',' || numeric_scale || ')'
             else data_type end, ', ' order by ordinal_position)
         from information_schema.columns where table_schema = 'raceday' and table_name = '{table}'"
    ))
    .expect("a table")
    }

    #[pg_test]
    fn the_specified_columns_keep_their_types() {
        migrate();
        let specified = [
            (
                "meetings",
                "meeting_id text, meeting_name text, country text, race_type text, date date, status text, created_at timestamp with time zone, updated_at timestamp with time zone",
            ),
            (
                "races",
                "race_id text, name text, race_number integer, start_time timestamp with time zone, status text, actual_start timestamp with time zone, meeting_id text",
            ),
            (
                "entrants",
                "entrant_id text, name text, runner_number integer, win_odds numeric(10,2), place_odds numeric(10,2), hold_percentage numeric(5,2), is_scratched boolean, race_id text",
            ),
            (
                "money_flow_history",
                "id bigint, entrant_id text, race_id text, hold_percentage numeric(5,2), bet_percentage numeric(5,2), type text, time_to_start integer, time_interval integer, interval_type text, event_timestamp timestamp with time zone, polling_timestamp timestamp with time zone, win_pool_amount bigint, place_pool_amount bigint, win_pool_percentage numeric(5,2), place_pool_percentage numeric(5,2), incremental_amount bigint, incremental_win_amount bigint, incremental_place_amount bigint, pool_type text, is_consolidated boolean, created_at timestamp with time zone",
            ),
            (
                "odds_history",
                "id bigint, entrant_id text, odds numeric(10,2), type text, event_timestamp timestamp with time zone, created_at timestamp with time zone",
            ),
            (
                "race_pools",
                "race_id text, win_pool_total numeric(12,2), place_pool_total numeric(12,2), quinella_pool_total numeric(12,2), trifecta_pool_total numeric(12,2), exacta_pool_total numeric(12,2), first4_pool_total numeric(12,2), last_updated timestamp with time zone",
            ),
        ];
        for (table, expected) in specified {
            let columns = columns(table);
            let columns: Vec<&str> = columns.split(", ").collect();
            for column in expected.split(", ") {
                assert!(columns.contains(&column), "{table}: {column} not in {columns:?}");
            }
        }
    }

    #[pg_test]
    fn history_has_daily_partitions_for_the_next_fortnight() {
        migrate();
        for table in ["money_flow_history", "odds_history", "staged_payloads"] {
            let missing = number(&format!(
            "select count(*) from generate_series(0, 14) day
             where to_regclass('raceday.{table}_p' || to_char((now() at time zone 'UTC') + day * interval '1 day', 'YYYYMMDD')) is null"
        ));
            assert_eq!(missing, 0, "{table}");
            assert!(
                holds(&format!(
                    "select partdefid = 0 from pg_partitioned_table where partrelid = 'raceday.{table}'::regclass"
                )),
                "no default"
            );
        }
    }

    #[pg_test]
    fn updated_at_is_when_anyone_last_changed_an_entrant() {
        migrate();
        assert_eq!(ingest(RACE, 290, &Poll::default().payload()), "ok");
        run("update raceday.entrants set updated_at = '2020-01-01'");
        let touched =
            "select string_agg(entrant_id, ' ' order by entrant_id) from raceday.entrants where updated_at >= now()";
        assert_eq!(text(touched), None);
        assert_eq!(ingest(RACE, 230, &Poll { pool_win: ["1.7", "9.9", "4.2"], ..Poll::default() }.payload()), "ok");
        assert_eq!(text(touched).as_deref(), Some("runner-2"));
        run("update raceday.entrants set jockey = 'A. Nother' where entrant_id = 'runner-3'");
        assert_eq!(text(touched).as_deref(), Some("runner-2 runner-3"));
    }

    #[pg_test]
    fn every_object_has_a_comment() {
        migrate();
        let silent = text(
            "select string_agg(o, ' ') from (
             select c.oid::regclass::text as o from pg_class c
             where c.relnamespace = 'raceday'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
               and obj_description(c.oid, 'pg_class') is null
             union all
             select p.oid::regprocedure::text from pg_proc p
             where p.pronamespace = 'raceday'::regnamespace and obj_description(p.oid, 'pg_proc') is null
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')) s",
        );
        assert_eq!(silent, None);
    }
}
