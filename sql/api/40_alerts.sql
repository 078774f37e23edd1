-- Alerts: GET and POST /api/user-alert-configs, a user's six indicator colours. Nothing else is written by clients.

create or replace function raceday.default_alerts()
    returns table (display_order int, percentage_range_min numeric, percentage_range_max numeric, color text)
    language sql immutable parallel safe
begin atomic
    values
        (1, 5::numeric, 10::numeric, '#E5E7EB'),
        (2, 10, 15, '#BFDBFE'),
        (3, 15, 20, '#FEF3C7'),
        (4, 20, 25, '#BBF7D0'),
        (5, 25, 50, '#FECACA'),
        (6, 50, null, '#F3E8FF');
end;
comment on function raceday.default_alerts() is 'The six default indicators';

create or replace function raceday.valid_user_id(p_user_id text) returns boolean
    language sql immutable parallel safe
    -- U+FFFD marks what was not UTF-8. The length stays far below what an index entry can hold.
    return char_length(p_user_id) between 1 and 200 and strpos(p_user_id, U&'\FFFD') = 0;
comment on function raceday.valid_user_id(text) is 'Whether alerts can be stored under this user id';

-- Locks the user: of two concurrent first visits, the second finds what the first created.
create or replace function raceday.create_missing_alerts(p_user_id text) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('user_alert_configs ' || p_user_id, 0));
    insert into raceday.user_alert_configs (user_id, display_order, percentage_range_min, percentage_range_max, color, is_default)
    select p_user_id, d.display_order, d.percentage_range_min, d.percentage_range_max, d.color, true
    from raceday.default_alerts() d
    where not exists (
        select from raceday.user_alert_configs c where c.user_id = p_user_id and c.display_order = d.display_order);
end
$$;
comment on function raceday.create_missing_alerts(text) is 'Creates a user''s missing indicators with their defaults; locks the user''s alerts until commit';

create or replace function raceday.alerts_body(p_user_id text) returns jsonb
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'user_id', p_user_id,
        'indicators', jsonb_agg(jsonb_build_object(
            'indicator_id', c.indicator_id,
            'user_id', c.user_id,
            'indicator_type', c.indicator_type,
            'percentage_range_min', c.percentage_range_min,
            'percentage_range_max', c.percentage_range_max,
            'color', c.color,
            'is_default', c.is_default,
            'enabled', c.enabled,
            'display_order', c.display_order,
            'audible_alerts_enabled', c.audible_alerts_enabled,
            'created_at', raceday.utc_text(c.created_at),
            'updated_at', raceday.utc_text(c.updated_at)
        ) order by c.display_order),
        'toggle_all', bool_and(c.enabled),
        'audible_alerts_enabled', bool_and(c.audible_alerts_enabled)
    )
    from raceday.user_alert_configs c
    where c.user_id = p_user_id
$$;
comment on function raceday.alerts_body(text) is 'The alerts of a user as the client API returns them';

create or replace function api.client_alert_configs(p_query text default null)
    returns json
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id text := coalesce(raceday.request_parameter(p_query, 'userId', 'user_id'), 'Default User');
begin
    if not raceday.valid_user_id(v_user_id) then
        return raceday.error_response(400, 'userId must be text of at most 200 characters');
    end if;
    if (select count(*) from raceday.user_alert_configs c where c.user_id = v_user_id) < 6 then
        perform raceday.create_missing_alerts(v_user_id);
    end if;
    return raceday.alerts_body(v_user_id);
end
$$;
comment on function api.client_alert_configs(text) is 'GET /api/user-alert-configs: the alerts of a user; missing ones are created with their defaults';

create or replace function raceday.body_value(p_object jsonb, variadic p_names text[]) returns jsonb
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select p_object -> n.name
    from unnest(p_names) with ordinality n (name, position)
    where jsonb_typeof(p_object -> n.name) <> 'null'
    order by n.position
    limit 1
$$;
comment on function raceday.body_value(jsonb, text[]) is 'The value of a key of a posted object, under the first of its spellings that is present and not null; null if there is none';

create or replace function raceday.read_indicator(p_indicator jsonb) returns jsonb
    language sql immutable parallel safe
    return jsonb_build_object(
        'indicator_id', raceday.body_value(p_indicator, 'indicator_id', 'indicatorId', '$id'),
        'user_id', raceday.body_value(p_indicator, 'user_id', 'userId'),
        'type', raceday.body_value(p_indicator, 'indicator_type', 'indicatorType'),
        'min', raceday.body_value(p_indicator, 'percentage_range_min', 'percentageRangeMin'),
        'max', raceday.body_value(p_indicator, 'percentage_range_max', 'percentageRangeMax'),
        'color', raceday.body_value(p_indicator, 'color'),
        'is_default', raceday.body_value(p_indicator, 'is_default', 'isDefault'),
        'enabled', raceday.body_value(p_indicator, 'enabled'),
        'display_order', raceday.body_value(p_indicator, 'display_order', 'displayOrder')
    );
comment on function raceday.read_indicator(jsonb) is 'A posted indicator, with one spelling for each key';

-- Returns null for an absent value, which the caller handles. Bounds apply to the number as it was sent; numbers are stored with two
-- decimals, and are therefore compared with each other with two decimals.
create or replace function raceday.number_within(p_value jsonb, p_min numeric, p_max numeric) returns boolean
    language sql immutable parallel safe
    return jsonb_typeof(p_value) = 'number' and p_value::numeric between p_min and p_max;
comment on function raceday.number_within(jsonb, numeric, numeric) is 'Whether a posted value is a number within bounds';

create or replace function raceday.indicator_problems(p_indicator jsonb) returns text[]
    language sql immutable parallel safe
    return array_remove(array[
        case when p_indicator -> 'type' is distinct from '"percentage_range"'
            then 'indicator_type must be percentage_range' end,
        case when raceday.number_within(p_indicator -> 'min', 0, 100) is not true
            then 'percentage_range_min must be a number from 0 to 100' end,
        case when jsonb_typeof(p_indicator -> 'max') <> 'null' and (
                not raceday.number_within(p_indicator -> 'max', 0, 100)
                or raceday.number_within(p_indicator -> 'min', 0, 100)
                    and round((p_indicator -> 'min')::numeric, 2) >= round((p_indicator -> 'max')::numeric, 2))
            then 'percentage_range_max must be null or a number above percentage_range_min up to 100' end,
        case when jsonb_typeof(p_indicator -> 'color') is distinct from 'string' or p_indicator ->> 'color' !~ '^#[0-9A-Fa-f]{6}$'
            then 'color must be #RRGGBB' end,
        case when raceday.number_within(p_indicator -> 'display_order', 1, 6) is not true
                or (p_indicator -> 'display_order')::numeric <> trunc((p_indicator -> 'display_order')::numeric)
            then 'display_order must be a whole number from 1 to 6' end,
        case when jsonb_typeof(p_indicator -> 'indicator_id') not in ('string', 'null') then 'indicator_id must be text' end,
        case when jsonb_typeof(p_indicator -> 'user_id') not in ('string', 'null') then 'user_id must be text' end,
        case when jsonb_typeof(p_indicator -> 'enabled') not in ('boolean', 'null') then 'enabled must be true or false' end,
        case when jsonb_typeof(p_indicator -> 'is_default') not in ('boolean', 'null') then 'is_default must be true or false' end
    ], null);
comment on function raceday.indicator_problems(jsonb) is 'The errors in a posted indicator';

create or replace function raceday.alerts_problems(p_body jsonb, p_indicators jsonb[], p_user_ids text[]) returns text[]
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select array_remove(
        coalesce((
            select array_agg(format('indicators[%s]: %s', i.position - 1, problem) order by i.position)
            from unnest(p_indicators) with ordinality i (indicator, position)
            cross join unnest(raceday.indicator_problems(i.indicator)) problem), '{}')
        || array[
            case when exists (select from unnest(p_user_ids) u where not raceday.valid_user_id(u))
                then 'user_id must be text of at most 200 characters' end,
            case when cardinality(p_user_ids) > 1 then 'user_id must be the same throughout' end,
            case when jsonb_typeof(raceday.body_value(p_body, 'user_id', 'userId')) <> 'string' then 'user_id must be text' end,
            case when jsonb_typeof(raceday.body_value(p_body, 'audible_alerts_enabled', 'audibleAlertsEnabled')) <> 'boolean'
                then 'audible_alerts_enabled must be true or false' end,
            case when (select count(*) <> count(distinct i -> 'display_order') from unnest(p_indicators) i)
                then 'display_order must differ between indicators' end,
            case when (select count(i ->> 'indicator_id') <> count(distinct i ->> 'indicator_id') from unnest(p_indicators) i)
                then 'indicator_id must differ between indicators' end
        ], null)
$$;
comment on function raceday.alerts_problems(jsonb, jsonb[], text[]) is 'The errors in posted alerts: as a whole, and in each indicator';

-- Each indicator changes one row of the user: the row with its id; failing that, the row in its place; or, if another indicator claims
-- that row by id, a row that is left over. A row displaced from its place moves to a free one.
create or replace function raceday.store_alerts(p_user_id text, p_indicators jsonb[], p_audible boolean) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids text[] := array_fill(null::text, array[6]);
    v_indicator jsonb;
    v_order int;
    v_id text;
begin
    foreach v_indicator in array p_indicators loop
        select c.indicator_id into v_id from raceday.user_alert_configs c
        where c.user_id = p_user_id and c.indicator_id = v_indicator ->> 'indicator_id';
        v_ids[(v_indicator ->> 'display_order')::numeric::int] := v_id;
    end loop;
    -- First the requested places, then the rest.
    for v_order in
        select o from generate_series(1, 6) o
        order by not exists (select from unnest(p_indicators) i where (i ->> 'display_order')::numeric = o), o
    loop
        if v_ids[v_order] is null then
            v_ids[v_order] := (
                select c.indicator_id from raceday.user_alert_configs c
                where c.user_id = p_user_id and c.indicator_id <> all (array_remove(v_ids, null))
                order by c.display_order <> v_order, c.display_order limit 1);
        end if;
    end loop;

    update raceday.user_alert_configs c
    set display_order = place.display_order,
        percentage_range_min = case when i.given is null then c.percentage_range_min else (i.given -> 'min')::numeric end,
        percentage_range_max = case when i.given is null then c.percentage_range_max else (i.given ->> 'max')::numeric end,
        color = coalesce(upper(i.given ->> 'color'), c.color),
        enabled = coalesce((i.given ->> 'enabled')::boolean, c.enabled),
        is_default = case when i.given is null then c.is_default else coalesce((i.given ->> 'is_default')::boolean, (
            d.percentage_range_min, d.percentage_range_max, d.color) is not distinct from (
            (i.given -> 'min')::numeric, (i.given ->> 'max')::numeric, upper(i.given ->> 'color'))) end,
        audible_alerts_enabled = p_audible,
        last_updated = clock_timestamp()
    from unnest(v_ids) with ordinality place (indicator_id, display_order)
    join raceday.default_alerts() d on d.display_order = place.display_order
    left join unnest(p_indicators) i (given) on (i.given ->> 'display_order')::numeric = place.display_order
    where c.user_id = p_user_id and c.indicator_id = place.indicator_id;
end
$$;
comment on function raceday.store_alerts(text, jsonb[], boolean) is 'Updates a user''s six alerts from valid indicators';

create or replace function raceday.parse_body(p_body text) returns jsonb
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
begin
    return p_body::jsonb;
exception
    -- Not JSON, contains NUL or an unpaired surrogate, nested too deeply: for any such reason it is not a valid body.
    when others then
        return null;
end
$$;
comment on function raceday.parse_body(text) is 'A posted body as JSON; null if it is not JSON';

create or replace function api.client_save_alert_configs(text)
    returns json
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_body jsonb := raceday.parse_body($1);
    v_indicators jsonb[];
    v_user_ids text[];
    v_user_id text;
    v_problems text[];
begin
    if jsonb_typeof(v_body) is distinct from 'object' then
        return raceday.error_response(400, 'The body must be a JSON object');
    elsif jsonb_typeof(v_body -> 'indicators') is distinct from 'array' or jsonb_array_length(v_body -> 'indicators') = 0 then
        return raceday.error_response(400, 'indicators must be a non-empty list');
    end if;
    select array_agg(raceday.read_indicator(i)) into v_indicators from jsonb_array_elements(v_body -> 'indicators') i;
    select coalesce(array_agg(distinct u), '{}') into v_user_ids
    from (
        select raceday.body_value(v_body, 'user_id', 'userId') #>> '{}' as u
        union all
        select i ->> 'user_id' from unnest(v_indicators) i
    ) given
    where u is not null;
    v_problems := raceday.alerts_problems(v_body, v_indicators, v_user_ids);
    if v_problems <> '{}' then
        return raceday.error_response(400, 'Invalid alert configuration', json_build_object('details', v_problems));
    end if;

    v_user_id := coalesce(v_user_ids[1], 'Default User');
    perform raceday.create_missing_alerts(v_user_id);
    perform raceday.store_alerts(v_user_id, v_indicators,
        coalesce((raceday.body_value(v_body, 'audible_alerts_enabled', 'audibleAlertsEnabled'))::boolean, true));
    return jsonb_build_object('success', true) || raceday.alerts_body(v_user_id);
end
$$;
comment on function api.client_save_alert_configs(text) is 'POST /api/user-alert-configs: validates and stores a user''s alerts, all or none';
