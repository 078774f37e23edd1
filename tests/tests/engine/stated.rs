//! What a race's only payload states, computed from its JSON by SQL that shares nothing with the engine, and how the stored rows
//! differ from it.

use postgres::Client;

/// The payloads as JSON, their event times and their runners.
const PARTS: &str = r"
create temp table event as
select race_id, payload::jsonb -> 'data' as data,
    case when generated between fetched_at - interval '5 minutes' and fetched_at + interval '1 minute'
        then date_trunc('milliseconds', generated) else date_trunc('milliseconds', fetched_at) end as event_timestamp
from (select race_id, fetched_at, payload, (payload::jsonb #>> '{header,generated_time}')::timestamptz as generated
    from raceday.staged_payloads where kind = 'event') p
where payload::jsonb #>> '{data,race,type}' in ('T', 'H');
create temp table runner as
select race_id, event_timestamp, data #>> '{race,status}' <> 'Abandoned' as has_history, r.runner, r.runner ->> 'entrant_id' as entrant_id,
    nullif((r.runner #>> '{odds,fixed_win}')::numeric, 0) as fixed_win,
    nullif((r.runner #>> '{odds,fixed_place}')::numeric, 0) as fixed_place,
    nullif((r.runner #>> '{odds,pool_win}')::numeric, 0) as pool_win,
    nullif((r.runner #>> '{odds,pool_place}')::numeric, 0) as pool_place,
    h.hold, h.bet,
    (data #>> '{race,advertised_start}')::numeric - extract(epoch from event_timestamp) as to_start
from event
cross join lateral jsonb_array_elements(data -> 'runners') r(runner)
left join lateral (
    select coalesce(sum((t ->> 'hold_percentage')::numeric) filter (where t -> 'entrant_id' = r.runner -> 'entrant_id'), 0) as hold,
        coalesce(sum((t ->> 'bet_percentage')::numeric) filter (where t -> 'entrant_id' = r.runner -> 'entrant_id'), 0) as bet
    from jsonb_array_elements(nullif(data #> '{money_tracker,entrants}', 'null')) t having count(*) > 0
) h on true;
create temp table pool as
select race_id, lower(replace(p ->> 'product_type', ' ', '')) as product, (p ->> 'total')::numeric as total,
    p ->> 'product_type' ~* '(double|treble|quad)' as multi_leg
from event cross join lateral jsonb_array_elements(nullif(data -> 'tote_pools', 'null')) p";

/// Table, the rows stated, and the rows stored, with the same columns.
const TABLES: [(&str, &str, &str); 7] = [
    (
        "races",
        r"select race_id, data #>> '{race,meeting_id}', btrim(data #>> '{race,description}'), (data #>> '{race,race_number}')::int,
            data #>> '{race,status}', to_timestamp((data #>> '{race,advertised_start}')::bigint),
            case when data #>> '{race,status}' <> 'Open' then to_timestamp(nullif((data #>> '{race,actual_start}')::bigint, 0)) end,
            (data #>> '{race,distance}')::int, nullif(btrim(data #>> '{race,track_condition}'), ''),
            nullif(btrim(data #>> '{race,weather}'), ''), data #>> '{race,type}',
            coalesce((data #>> '{race,protest}')::boolean, false)
                and coalesce(data #>> '{race,protest_reason}', '') not ilike 'dead heat%',
            case data #>> '{race,status}' when 'Open' then 'upcoming' when 'Final' then 'finished' when 'Abandoned' then 'abandoned'
                else 'in_progress' end
        from event",
        r"select race_id, meeting_id, name, race_number, status, start_time, actual_start, distance, track_condition, weather, type,
            protest, phase from raceday.races",
    ),
    (
        "meetings",
        r"select data #>> '{race,meeting_id}', min(data #>> '{race,race_date_nz}')::date,
            min(case data #>> '{race,type}' when 'T' then 'thoroughbred' else 'harness' end), min(data #>> '{race,country}')
        from event group by 1",
        "select meeting_id, date, race_type, country from raceday.meetings",
    ),
    (
        "entrants",
        r"select race_id, entrant_id, btrim(runner ->> 'name'), (runner ->> 'runner_number')::int, fixed_win, fixed_place, pool_win,
            pool_place, hold, bet, (runner ->> 'is_scratched')::boolean, coalesce((runner ->> 'is_late_scratched')::boolean, false),
            to_timestamp(nullif((runner ->> 'scratch_time')::bigint, 0)), nullif(substring(runner ->> 'barrier' from '\d+')::int, 0),
            nullif(btrim(runner ->> 'jockey'), ''), nullif(btrim(runner ->> 'trainer_name'), ''),
            (runner ->> 'favourite')::boolean, (runner ->> 'mover')::boolean
        from runner",
        r"select race_id, entrant_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds, hold_percentage,
            bet_percentage, is_scratched, is_late_scratched, scratched_at, barrier, jockey, trainer_name, favourite, mover
        from raceday.entrants",
    ),
    (
        "race_pools",
        r"select race_id, sum(total) filter (where product = 'win'), sum(total) filter (where product = 'place'),
            sum(total) filter (where product = 'quinella'), sum(total) filter (where product = 'trifecta'),
            sum(total) filter (where product = 'exacta'), sum(total) filter (where product = 'firstfour'),
            sum(total) filter (where not multi_leg), coalesce(sum(total) filter (where multi_leg), 0), count(*)::int
        from pool group by 1",
        r"select race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total, exacta_pool_total,
            first4_pool_total, total_race_pool, multi_leg_pool_total, extracted_pools from raceday.race_pools",
    ),
    (
        "race_results",
        r"select race_id, jsonb_array_length(results) > 0,
            (select jsonb_agg(jsonb_build_object('position', p -> 'position', 'runner_number', p -> 'runner_number',
                'name', btrim(p ->> 'name'), 'entrant_id', p -> 'entrant_id', 'margin_length', p -> 'margin_length') order by at)
                from jsonb_array_elements(results) with ordinality x(p, at)),
            (select jsonb_agg(jsonb_build_object('product_name', d -> 'product_name', 'dividend', d -> 'dividend',
                'status', d -> 'status', 'positions', coalesce(nullif(d -> 'positions', 'null'), '[]')) order by at)
                from jsonb_array_elements(data -> 'dividends') with ordinality x(d, at)),
            case when data #>> '{race,status}' = 'Final' then 'final' when protest then 'protest' else 'interim' end,
            protest, event_timestamp
        from (select race_id, event_timestamp, data, nullif(data -> 'results', 'null') as results,
            coalesce((data #>> '{race,protest}')::boolean, false)
                and coalesce(data #>> '{race,protest_reason}', '') not ilike 'dead heat%' as protest
            from event where data #>> '{race,status}' in ('Interim', 'Final')) e",
        r"select race_id, results_available, results_data, dividends_data, result_status, protest_lodged, result_time
        from raceday.race_results",
    ),
    (
        "odds_history",
        r"select race_id, entrant_id, event_timestamp, kind, odds from runner
        cross join lateral (values ('fixed_win', fixed_win), ('fixed_place', fixed_place), ('pool_win', pool_win),
            ('pool_place', pool_place)) o(kind, odds) where odds is not null and has_history",
        "select race_id, entrant_id, event_timestamp, type, odds from raceday.odds_history",
    ),
    (
        "money_flow_history",
        r"select race_id, entrant_id, event_timestamp, floor(to_start)::int, interval_of, hold, bet,
            round(win * 100 * hold / 100)::bigint, round(place * 100 * hold / 100)::bigint,
            case when interval_of >= 55 then round(win * 100 * hold / 100)::bigint else 0 end,
            case when known then round(100 * weight / sum(weight) over race, 2) end,
            case when known then round(win * 100 * weight / sum(weight) over race)::bigint end,
            fixed_win, fixed_place, pool_win, pool_place
        from (select r.*, w.total as win, p.total as place,
            case when to_start >= 3600 then 60 when to_start >= 300 then floor(to_start / 300) * 5 else floor(to_start / 60) end::int
                as interval_of,
            case when not (runner ->> 'is_scratched')::boolean then floor(1e18 / (pool_win * 100)) end as weight,
            not (runner ->> 'is_scratched')::boolean
                and bool_and(pool_win is not null or (runner ->> 'is_scratched')::boolean) over (partition by race_id) as known
            from runner r left join pool w using (race_id) left join pool p using (race_id)
            where w.product = 'win' and p.product = 'place' and hold is not null and has_history) x
        window race as (partition by race_id)",
        r"select race_id, entrant_id, event_timestamp, seconds_to_start, time_interval, hold_percentage, bet_percentage,
            win_pool_amount, place_pool_amount, incremental_win_amount, tote_win_percentage, tote_win_amount, fixed_win_odds,
            fixed_place_odds, pool_win_odds, pool_place_odds from raceday.money_flow_history",
    ),
];

/// The rows that are stated and not stored, or stored and not stated, one line each; and the number of rows of each table.
pub fn differences(client: &mut Client) -> (Vec<String>, Vec<(&'static str, i64)>) {
    client.batch_execute(PARTS).unwrap();
    let (mut lines, mut counts) = (Vec::new(), Vec::new());
    for (table, stated, stored) in TABLES {
        let sql = format!(
            "with stated as ({stated}), stored as ({stored})
            (select 'stated' as side, d::text from (select * from stated except all select * from stored) d)
            union all (select 'stored', d::text from (select * from stored except all select * from stated) d) order by 2, 1"
        );
        let rows = client.query(&sql, &[]).unwrap_or_else(|error| panic!("{table}: {error:?}"));
        lines.extend(rows.iter().map(|row| format!("{table} {}: {}", row.get::<_, &str>(0), row.get::<_, &str>(1))));
        let sql = format!("select count(*) from ({stored}) s");
        counts.push((table, client.query_one(&sql, &[]).unwrap().get(0)));
    }
    (lines, counts)
}
