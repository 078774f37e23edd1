-- Appwrite's queries: queries[0]={"method":"equal","attribute":"raceId","values":["..."]}&queries[1]=..., percent-encoded.

-- The whole query is decoded at once, as a JSON string in which each byte is an escape; that is ten times as fast as going through its
-- parts. A separator becomes a character that JSON does not allow in strings, so that no value can contain one.
create or replace function raceday.appwrite_queries(p_query text) returns jsonb
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes text := replace(replace(replace(replace(p_query, '\', '%5C'), '"', '%22'), '+', '%20'), '&', '%01');
begin
    v_bytes := ('"' || replace(v_bytes, '%', '\u00') || '"')::json #>> '{}';
    return coalesce((
        select jsonb_agg(substr(p.part, strpos(p.part, '=') + 1)::jsonb order by p.position)
        from string_to_table(convert_from(convert_to(v_bytes, 'LATIN1'), 'UTF8'), E'\x01') with ordinality p (part, position)
        where p.part ~ '^queries(\[[^]]*\])?='), '[]');
exception
    -- Not percent-encoded UTF-8, not JSON, with NUL or an unpaired surrogate, nested too deeply, a number that is too long.
    when others then
        return null;
end
$$;
comment on function raceday.appwrite_queries(text) is 'The queries of a raw query string as a list; null if one of them is not JSON';

create or replace function raceday.appwrite_fits(p_type text, p_value jsonb) returns boolean
    language sql immutable parallel safe
    return case
        when p_type in ('number', 'integer') then case
            -- More than any attribute holds, and few enough digits for every SQL type.
            when jsonb_typeof(p_value) = 'number' then abs(p_value::numeric) < 1e18 else false end
        when p_type = 'boolean' then jsonb_typeof(p_value) = 'boolean'
        when jsonb_typeof(p_value) <> 'string' then false
        else p_type not in ('instant', 'day') or raceday.parse_instant(p_value #>> '{}') is not null
    end;
comment on function raceday.appwrite_fits(text, jsonb) is 'Whether a value is one of this type';

create or replace function raceday.appwrite_whole_number(p_value jsonb, p_min numeric, p_max numeric) returns boolean
    language sql immutable parallel safe
    return case
        when jsonb_typeof(p_value) = 'number'
            then p_value::numeric between p_min and p_max and p_value::numeric = trunc(p_value::numeric)
        else false
    end;
comment on function raceday.appwrite_whole_number(jsonb, numeric, numeric) is 'Whether a value is a whole number within these bounds';

create or replace function raceday.appwrite_selectable(p_collection text, p_name text) returns boolean
    language sql immutable parallel safe
    return p_name in ('*', '$permissions', '$databaseId', '$collectionId')
        or raceday.appwrite_collection(p_collection) -> 'attributes' ? p_name
        or p_collection = 'races' and (p_name = 'meeting.*'
            or p_name ~ '^meeting\.' and raceday.appwrite_collection('meetings') -> 'attributes' ? substr(p_name, 9));
comment on function raceday.appwrite_selectable(text, text) is 'Whether select may name this attribute, or this path to the related meeting';

create or replace function raceday.appwrite_page_problem(p_collection text, p_method text, p_values jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_name jsonb;
begin
    if p_method = 'select' then
        for v_name in select v from jsonb_array_elements(p_values) v loop
            if jsonb_typeof(v_name) <> 'string' or not raceday.appwrite_selectable(p_collection, v_name #>> '{}') then
                return 'Attribute not found in schema: ' || left(v_name #>> '{}', 100);
            end if;
        end loop;
    elsif jsonb_array_length(p_values) > 1 then
        return p_method || ' needs one value';
    elsif p_method = 'cursorAfter' and jsonb_typeof(p_values -> 0) <> 'string' then
        return 'cursorAfter needs the $id of a document';
    elsif p_method = 'limit' and not raceday.appwrite_whole_number(p_values -> 0, 1, 5000) then
        return 'limit must be a whole number from 1 to 5000';
    elsif p_method = 'offset' and not raceday.appwrite_whole_number(p_values -> 0, 0, 1000000000) then
        return 'offset must be a whole number from 0 to 1000000000';
    end if;
    return null;
end
$$;
comment on function raceday.appwrite_page_problem(text, text, jsonb) is
    'What is wrong with select, limit, offset or cursorAfter and these values; null if nothing is';

create or replace function raceday.appwrite_filter_problem(p_type text, p_method text, p_attribute text, p_values jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb;
begin
    if p_method not in ('equal', 'notEqual') then
        if jsonb_array_length(p_values) > 1 then
            return p_method || ' needs one value';
        elsif p_type not in ('number', 'integer', 'instant', 'day') then
            return p_method || ' needs an attribute that is a number or an instant';
        end if;
    end if;
    for v_value in select v from jsonb_array_elements(p_values) v loop
        if not raceday.appwrite_fits(p_type, v_value) then
            return format('Query value is invalid for attribute "%s"', p_attribute);
        end if;
    end loop;
    return null;
end
$$;
comment on function raceday.appwrite_filter_problem(text, text, text, jsonb) is
    'What is wrong with a comparison of an attribute of this type and these values; null if nothing is';

create or replace function raceday.appwrite_query_problem(p_collection text, p_query jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_method text := p_query ->> 'method';
    v_attribute text := p_query ->> 'attribute';
    v_values jsonb := p_query -> 'values';
    v_type text := raceday.appwrite_collection(p_collection) -> 'attributes' -> v_attribute ->> 0;
begin
    if jsonb_typeof(p_query) <> 'object' or v_method is null then
        return 'a query must be an object with a method';
    elsif v_method not in ('equal', 'notEqual', 'lessThan', 'lessThanEqual', 'greaterThan', 'greaterThanEqual', 'isNotNull',
            'orderAsc', 'orderDesc', 'select', 'limit', 'offset', 'cursorAfter') then
        return 'Invalid query method: ' || left(v_method, 100);
    elsif v_method not in ('select', 'limit', 'offset', 'cursorAfter') and v_type is null then
        return 'Attribute not found in schema: ' || left(coalesce(v_attribute, ''), 100);
    elsif v_method in ('isNotNull', 'orderAsc', 'orderDesc') then
        return null;
    elsif jsonb_typeof(v_values) is distinct from 'array' or jsonb_array_length(v_values) = 0 then
        return v_method || ' needs a list of values';
    elsif v_method in ('select', 'limit', 'offset', 'cursorAfter') then
        return raceday.appwrite_page_problem(p_collection, v_method, v_values);
    end if;
    return raceday.appwrite_filter_problem(v_type, v_method, v_attribute, v_values);
end
$$;
comment on function raceday.appwrite_query_problem(text, jsonb) is 'What is wrong with a query of a collection; null if nothing is';

create or replace function raceday.appwrite_valid_queries(p_collection text, p_query text) returns jsonb
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_queries jsonb := raceday.appwrite_queries(p_query);
    v_query jsonb;
    v_problem text := case
        when v_queries is null then 'a query must be JSON'
        when jsonb_array_length(v_queries) > 100 then 'there may be at most 100 queries' end;
begin
    if v_problem is null then
        for v_query in select q from jsonb_array_elements(v_queries) q loop
            v_problem := raceday.appwrite_query_problem(p_collection, v_query);
            exit when v_problem is not null;
        end loop;
    end if;
    if v_problem is not null then
        perform raceday.appwrite_raise(400, 'general_query_invalid', 'Invalid query: ' || v_problem);
    end if;
    return v_queries;
end
$$;
comment on function raceday.appwrite_valid_queries(text, text) is 'The queries of a raw query string; raises an error if one of them is invalid';
