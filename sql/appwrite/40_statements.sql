-- From valid queries to a statement. Its text consists of the expressions of 20_collections.sql, of the fragments below, and of positions
-- in arrays. Every value is a parameter: $1 texts, $2 numbers, $3 instants, $4 days, $5 and $6 the bounds of a race's history, $7 limit,
-- $8 offset, $9 the cursor's place in the order.

-- Clients know whole milliseconds, so a value stands for all instants within one. The column stays bare, so that its index is used.
create or replace function raceday.appwrite_instant_condition(p_method text, p_expression text, p_value text) returns text
    language sql immutable parallel safe
    return format(case p_method
        when 'equal' then '(%1$s >= %2$s and %1$s < %2$s + interval ''1 millisecond'')'
        when 'notEqual' then '(%1$s < %2$s or %1$s >= %2$s + interval ''1 millisecond'')'
        when 'lessThan' then '%1$s < %2$s'
        when 'lessThanEqual' then '%1$s < %2$s + interval ''1 millisecond'''
        when 'greaterThan' then '%1$s >= %2$s + interval ''1 millisecond'''
        when 'greaterThanEqual' then '%1$s >= %2$s'
    end, p_expression, p_value);
comment on function raceday.appwrite_instant_condition(text, text, text) is 'A comparison with a whole millisecond, as SQL';

create or replace function raceday.appwrite_value_condition(p_method text, p_expression text, p_values text, p_cast text, p_first int, p_last int)
    returns text
    language sql immutable parallel safe
    return case
        when p_first < p_last then format('%s %s (%s[%s:%s]%s)',
            p_expression, case p_method when 'equal' then '= any' else '<> all' end, p_values, p_first, p_last, p_cast || '[]')
        else format('%s %s %s[%s]%s', p_expression, case p_method
            when 'equal' then '=' when 'notEqual' then '<>' when 'lessThan' then '<' when 'lessThanEqual' then '<='
            when 'greaterThan' then '>' when 'greaterThanEqual' then '>=' end, p_values, p_first, p_cast)
    end;
comment on function raceday.appwrite_value_condition(text, text, text, text, int, int) is
    'A comparison with one or several values, as SQL: the array of the values, a cast, and their first and last position';

create or replace function raceday.appwrite_filters(
    p_attributes jsonb, p_queries jsonb, out conditions text, out race_id text,
    out texts text[], out numbers numeric[], out instants timestamptz[], out days timestamp[])
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_filter record;
    v_first int;
    v_conditions text[] := '{true}';
begin
    texts := '{}';
    numbers := '{}';
    instants := '{}';
    days := '{}';
    for v_filter in
        select q ->> 'method' as method, q ->> 'attribute' as name, p_attributes -> (q ->> 'attribute') ->> 0 as type,
            p_attributes -> (q ->> 'attribute') ->> 1 as expression, array(select jsonb_array_elements_text(q -> 'values')) as given
        from jsonb_array_elements(p_queries) q
        where q ->> 'method' in ('equal', 'notEqual', 'lessThan', 'lessThanEqual', 'greaterThan', 'greaterThanEqual')
    loop
        if v_filter.type in ('number', 'integer') then
            v_first := cardinality(numbers) + 1;
            numbers := numbers || v_filter.given::numeric[];
            v_conditions := v_conditions || raceday.appwrite_value_condition(v_filter.method, v_filter.expression, '($2)',
                case v_filter.type when 'integer' then '::float8' else '::numeric' end, v_first, cardinality(numbers));
        elsif v_filter.type in ('instant', 'day') then
            v_conditions := v_conditions || (
                select '(' || string_agg(raceday.appwrite_instant_condition(v_filter.method, v_filter.expression, case v_filter.type
                    when 'instant' then format('($3)[%s]', cardinality(instants) + i) else format('($4)[%s]', cardinality(days) + i) end),
                    case v_filter.method when 'notEqual' then ' and ' else ' or ' end) || ')'
                from generate_subscripts(v_filter.given, 1) i);
            if v_filter.type = 'instant' then
                instants := instants || array(select raceday.parse_instant(g) from unnest(v_filter.given) g);
            else
                days := days || array(select raceday.parse_instant(g)::timestamp from unnest(v_filter.given) g);
            end if;
        else
            v_first := cardinality(texts) + 1;
            texts := texts || v_filter.given;
            v_conditions := v_conditions || raceday.appwrite_value_condition(v_filter.method, v_filter.expression, '($1)',
                case v_filter.type when 'boolean' then '::boolean' else '::text' end, v_first, cardinality(texts));
            if v_filter.method = 'equal' and v_filter.name = 'raceId' and cardinality(v_filter.given) = 1 then
                race_id := v_filter.given[1];
            end if;
        end if;
    end loop;
    conditions := array_to_string(v_conditions || array(
        select (p_attributes -> (q ->> 'attribute') ->> 1) || ' is not null'
        from jsonb_array_elements(p_queries) q where q ->> 'method' = 'isNotNull'), ' and ');
end
$$;
comment on function raceday.appwrite_filters(jsonb, jsonb) is
    'The filters among valid queries as one SQL condition, the values that it refers to, and the one race it is about, if it is';

create or replace function raceday.appwrite_cast(p_type text) returns text
    language sql immutable parallel safe
    return case p_type
        when 'number' then 'numeric' when 'integer' then 'bigint' when 'instant' then 'timestamptz' when 'day' then 'date'
        when 'boolean' then 'boolean' else 'text'
    end;
comment on function raceday.appwrite_cast(text) is 'The SQL type of an attribute''s type';

-- Null is last in ascending order and first in descending order, as always in PostgreSQL.
create or replace function raceday.appwrite_order(
    p_collection jsonb, p_queries jsonb, out order_by text, out after text, out place text)
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_inserted jsonb := p_collection -> 'inserted';
    v_orders jsonb[] := array(
        select (p_collection -> 'attributes' -> (q.query ->> 'attribute')) || jsonb_build_array(q.query ->> 'method' = 'orderDesc')
        from jsonb_array_elements(p_queries) with ordinality q (query, position)
        where q.query ->> 'method' in ('orderAsc', 'orderDesc')
        order by q.position);
    -- Ascending $createdAt is the order of insertion, and nothing after it has an effect.
    v_length int := coalesce(array_position(v_orders, (p_collection -> 'attributes' -> '$createdAt') || 'false') - 1, cardinality(v_orders));
begin
    select string_agg(i ->> 1, ', '),
        format('(%s) > (%s)', string_agg(i ->> 1, ', '), string_agg(
            format('($9)[%s]::%s', v_length + n, raceday.appwrite_cast(i ->> 0)), ', ')),
        string_agg(format('(%s)::text', i ->> 1), ', ')
    into order_by, after, place
    from jsonb_array_elements(v_inserted) with ordinality e (i, n);
    for i in reverse v_length..1 loop
        order_by := format('%s%s, %s', v_orders[i] ->> 1, case when (v_orders[i] -> 2)::boolean then ' desc' else '' end, order_by);
        after := format(
            case when (v_orders[i] -> 2)::boolean
                then '(%1$s < %2$s or %1$s is not null and %2$s is null or %1$s is not distinct from %2$s and %3$s)'
                else '(%1$s > %2$s or %1$s is null and %2$s is not null or %1$s is not distinct from %2$s and %3$s)' end,
            v_orders[i] ->> 1, format('($9)[%s]::%s', i, raceday.appwrite_cast(v_orders[i] ->> 0)), after);
        place := format('(%s)::text, %s', v_orders[i] ->> 1, place);
    end loop;
end
$$;
comment on function raceday.appwrite_order(jsonb, jsonb) is
    'The order of valid queries as SQL, ending with that of insertion; the condition that a row comes after the cursor; the cursor''s place';

create or replace function raceday.appwrite_value(p_type text, p_expression text, p_meeting text) returns text
    language sql immutable parallel safe
    return format('coalesce(%s, ''null'')', case p_type
        when 'instant' then format('to_char(%s, ''\"YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"\"'')', p_expression)
        when 'day' then format('to_char(%s, ''\"YYYY-MM-DD"T00:00:00.000+00:00"\"'')', p_expression)
        when 'text' then format('to_json(%s)::text', p_expression)
        -- Within it, d is the meeting.
        when 'meeting' then format('(select %s from (select m.*) d where d.meeting_id is not null)', p_meeting)
        else format('(%s)::text', p_expression)
    end);
comment on function raceday.appwrite_value(text, text, text) is 'The JSON text of an attribute as SQL; p_meeting is that of the related meeting';

-- A template and its values: by far the fastest way to JSON text that PostgreSQL has.
create or replace function raceday.appwrite_document(p_name text, p_selected text[], p_meeting text default null) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select format('format(%L, %s)',
        '{' || string_agg(format('"%s":%%s', a.name), ',')
            || format(',"$permissions":[],"$databaseId":"raceday-db","$collectionId":"%s"}', p_name),
        string_agg(raceday.appwrite_value(a.value ->> 0, a.value ->> 1, p_meeting), ', '))
    from jsonb_each(raceday.appwrite_collection(p_name) -> 'attributes') a (name, value)
    -- The client reads the meeting without selecting it.
    where p_selected is null or a.name = any (p_selected) or a.name in ('$id', '$createdAt', '$updatedAt') or a.name = 'meeting'
$$;
comment on function raceday.appwrite_document(text, text[], text) is 'The JSON text of a document with the selected attributes, or all, as SQL';

create or replace function raceday.appwrite_selected_document(p_name text, p_queries jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_selected text[] := (
        select array_agg(s)
        from jsonb_array_elements(p_queries) q
        cross join jsonb_array_elements_text(q -> 'values') s
        where q ->> 'method' = 'select');
begin
    if '*' = any (v_selected) then
        v_selected := null;
    end if;
    return raceday.appwrite_document(
        p_name, v_selected, case when p_name = 'races' then raceday.appwrite_document('meetings', null) end);
end
$$;
comment on function raceday.appwrite_selected_document(text, jsonb) is 'appwrite_document of what the queries select';
