-- Reading a REST request. A client function takes the raw query string as its argument (psql, native REST); called without one, it
-- reads the header that nginx sets, because PostgREST supports neither repeated parameters nor two spellings of a parameter.
-- Whatever a client sends must end in 200, 400 or 404, so nothing here raises an error.

create or replace function raceday.request_header(p_name text) returns text
    language sql stable parallel safe
    return nullif(current_setting('request.headers', true), '')::json ->> p_name;
comment on function raceday.request_header(text) is 'A header of the current REST request, by its lower-case name; null outside a request';

create or replace function raceday.decode_url_text(p_text text) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_text text := replace(p_text, '+', ' ');
    v_bytes bytea;
begin
    if strpos(v_text, '%') = 0 then
        return v_text;
    end if;
    select string_agg(
        case when m.chunk[1] ~ '^(%[0-9A-Fa-f]{2})+$'
            then decode(replace(m.chunk[1], '%', ''), 'hex')
            else convert_to(m.chunk[1], 'UTF8') end,
        ''::bytea order by m.position)
    into v_bytes
    from regexp_matches(v_text, '(?:%[0-9A-Fa-f]{2})+|[^%]+|%', 'g') with ordinality m (chunk, position);
    begin
        return convert_from(v_bytes, 'UTF8');
    exception
        when character_not_in_repertoire or untranslatable_character then
            -- Not text. The leading U+FFFD makes it a value that no id equals and that validation can recognise.
            return U&'\FFFD' || encode(v_bytes, 'escape');
    end;
end
$$;
comment on function raceday.decode_url_text(text) is 'Percent-decoded text; if the bytes are not valid UTF-8, U+FFFD followed by the bytes in escape format';

create or replace function raceday.path_id() returns text
    language sql stable parallel safe
    -- In a path, a plus sign is literal.
    return raceday.decode_url_text(replace(raceday.request_header('x-raceday-id'), '+', '%2B'));
comment on function raceday.path_id() is 'The id at the end of the current REST request''s path';

create or replace function raceday.query_values(p_query text, p_names text[]) returns text[]
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select array_agg(v.value order by pair.position)
    from string_to_table(p_query, '&') with ordinality pair (text, position)
    cross join lateral (select strpos(pair.text, '=') as at) equals
    cross join lateral (select raceday.decode_url_text(substr(pair.text, equals.at + 1)) as value) v
    where equals.at > 1
      and raceday.decode_url_text(left(pair.text, equals.at - 1)) = any (p_names)
      and v.value <> ''
$$;
comment on function raceday.query_values(text, text[]) is
    'Values of a parameter under any of its spellings, in order, without empty ones; null if there is none';

create or replace function raceday.query_value(p_query text, variadic p_names text[]) returns text
    language sql immutable parallel safe
    return case when p_query <> '' then (raceday.query_values(p_query, p_names))[1] end;
comment on function raceday.query_value(text, text[]) is 'The first non-empty value of a parameter; null if there is none';

create or replace function raceday.request_query(p_query text) returns text
    language sql stable parallel safe
    return coalesce(p_query, raceday.request_header('x-raceday-query'));
comment on function raceday.request_query(text) is 'The given query or, if null, that of the current REST request';

create or replace function raceday.request_parameter(p_query text, variadic p_names text[]) returns text
    language sql stable parallel safe
    return (raceday.query_values(raceday.request_query(p_query), p_names))[1];
comment on function raceday.request_parameter(text, text[]) is 'query_value of request_query, for functions with a single parameter';

create or replace function raceday.bounded_int(p_text text, p_default int, p_min int, p_max int) returns int
    language sql immutable parallel safe
    return case
        when p_text ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$' and pg_input_is_valid(p_text, 'numeric')
            then least(greatest(floor(p_text::numeric), p_min), p_max)::int
        else p_default
    end;
comment on function raceday.bounded_int(text, int, int, int) is 'A number rounded down and clamped to bounds; the default for anything that is not a number';

create or replace function raceday.utc_text(p_at timestamptz) returns text
    language sql stable parallel safe
    return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function raceday.utc_text(timestamptz) is 'An instant as 2025-10-05T12:00:00.000Z: always with milliseconds, always the same width';

create or replace function raceday.parse_instant(p_text text) returns timestamptz
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    -- A plus sign that was not percent-encoded arrives as a space.
    v_text text := regexp_replace(p_text, ' (\d\d:?\d\d)$', '+\1');
begin
    if v_text ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$'
        and pg_input_is_valid(v_text, 'timestamptz') then
        return date_trunc('milliseconds', v_text::timestamptz);
    end if;
    return null;
end
$$;
comment on function raceday.parse_instant(text) is 'An ISO instant truncated to milliseconds, in UTC unless it has an offset; null for anything else';
