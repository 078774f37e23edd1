-- Tote pools: GET /api/race-pools, and the view.

do $$
begin
    -- Up to version 0.2.0 the view was in dollars, and a view's columns cannot change their type.
    if (select a.atttypid = 'numeric'::regtype from pg_catalog.pg_attribute a
        where a.attrelid = to_regclass('api.race_pools') and a.attname = 'win_pool_total') then
        drop view api.race_pools;
    end if;
end
$$;
create or replace view api.race_pools as
select race_id, (win_pool_total * 100)::bigint as win_pool_total, (place_pool_total * 100)::bigint as place_pool_total,
    (quinella_pool_total * 100)::bigint as quinella_pool_total, (trifecta_pool_total * 100)::bigint as trifecta_pool_total,
    (exacta_pool_total * 100)::bigint as exacta_pool_total, (first4_pool_total * 100)::bigint as first4_pool_total,
    (total_race_pool * 100)::bigint as total_race_pool, currency, data_quality_score, extracted_pools, last_updated,
    (multi_leg_pool_total * 100)::bigint as multi_leg_pool_total
from raceday.race_pools;
comment on view api.race_pools is 'Tote pools of a race, in cents; embeds races. total_race_pool may be added up over races, multi_leg_pool_total may not';

create or replace function raceday.cents(p_dollars numeric) returns bigint
    language sql immutable parallel safe
    return (p_dollars * 100)::bigint;
comment on function raceday.cents(numeric) is 'Dollars as integer cents';

create or replace function raceday.pools_body(p_pools raceday.race_pools) returns json
    language sql stable parallel safe
    return json_build_object(
        'race_id', p_pools.race_id,
        'win_pool_total', raceday.cents(p_pools.win_pool_total),
        'place_pool_total', raceday.cents(p_pools.place_pool_total),
        'quinella_pool_total', raceday.cents(p_pools.quinella_pool_total),
        'trifecta_pool_total', raceday.cents(p_pools.trifecta_pool_total),
        'exacta_pool_total', raceday.cents(p_pools.exacta_pool_total),
        'first4_pool_total', raceday.cents(p_pools.first4_pool_total),
        'total_race_pool', raceday.cents(p_pools.total_race_pool),
        'currency', p_pools.currency,
        'data_quality_score', p_pools.data_quality_score,
        'extracted_pools', p_pools.extracted_pools,
        'last_updated', raceday.utc_text(p_pools.last_updated)
    );
comment on function raceday.pools_body(raceday.race_pools) is 'The pools of a race as the client API returns them, in cents';

create or replace function api.client_race_pools(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
begin
    return raceday.row_of_race_or_404(
        v_race_id, (select raceday.pools_body(p) from raceday.race_pools p where p.race_id = v_race_id), 'Race pools');
end
$$;
comment on function api.client_race_pools(text) is 'GET /api/race-pools: the tote pools of a race, in cents';
