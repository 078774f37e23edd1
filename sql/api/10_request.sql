-- What nginx hands over of a request, and how an answer is given. A contract function takes the raw query string as its argument
-- (psql, native REST) or, called without, from the header that nginx sets: PostgREST itself knows neither repeated parameters nor two
-- spellings of one. Everything a client can send must end in 200, 400 or 404, so nothing here raises.

do $$
begin
    if to_regtype('api."application/json"') is null then
        -- The name makes the REST server send the value as it is, without reading it again; over text and not json, PostgreSQL does not
        -- read it again either. For a body of 300 kB that is worth 1 ms there and 8 ms in postrust, which in turn sends such a value
        -- without the status and the headers that the function has set: see deploy/nginx/server.conf.
        create domain api."application/json" as text;
    end if;
end
$$;
alter domain api."application/json" owner to raceday_owner;
comment on domain api."application/json" is 'A large answer''s body, sent as it is';

create or replace function raceday.request_header(p_name text) returns text
    language sql stable parallel safe
    return nullif(current_setting('request.headers', true), '')::json ->> p_name;
comment on function raceday.request_header(text) is 'A header of the REST request being answered, by its lower-case name; null outside of one';

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
            -- Not text. U+FFFD in front makes it something that no id is and that a check can see.
            return U&'\FFFD' || encode(v_bytes, 'escape');
    end;
end
$$;
comment on function raceday.decode_url_text(text) is 'Percent-decoded text; bytes that are no UTF-8 come back escaped behind U+FFFD';

create or replace function raceday.path_id() returns text
    language sql stable parallel safe
    -- In a path a plus sign is one.
    return raceday.decode_url_text(replace(raceday.request_header('x-raceday-id'), '+', '%2B'));
comment on function raceday.path_id() is 'The id that ends the path of the REST request being answered';

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
    'Values of a parameter, in their order, under any of its spellings; empty ones left out; null when there is none';

create or replace function raceday.query_value(p_query text, variadic p_names text[]) returns text
    language sql immutable parallel safe
    return (raceday.query_values(p_query, p_names))[1];
comment on function raceday.query_value(text, text[]) is 'The first value of a parameter that is not empty; null when there is none';

create or replace function raceday.asked_query(p_query text) returns text
    language sql stable parallel safe
    return coalesce(p_query, raceday.request_header('x-raceday-query'));
comment on function raceday.asked_query(text) is 'The query given or, without one, that of the REST request being answered';

create or replace function raceday.asked(p_query text, variadic p_names text[]) returns text
    language sql stable parallel safe
    return (raceday.query_values(raceday.asked_query(p_query), p_names))[1];
comment on function raceday.asked(text, text[]) is 'query_value of asked_query: for functions with one parameter';

create or replace function raceday.bounded_int(p_text text, p_default int, p_min int, p_max int) returns int
    language sql immutable parallel safe
    return case
        when p_text ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$' and pg_input_is_valid(p_text, 'numeric')
            then least(greatest(floor(p_text::numeric), p_min), p_max)::int
        else p_default
    end;
comment on function raceday.bounded_int(text, int, int, int) is 'A number rounded down and brought into bounds; the default for what is no number';

create or replace function raceday.utc_text(p_at timestamptz) returns text
    language sql stable parallel safe
    return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function raceday.utc_text(timestamptz) is '2025-10-05T12:00:00.000Z: always milliseconds, one width';

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
comment on function raceday.parse_instant(text) is 'An ISO instant cut to milliseconds, UTC unless it says otherwise; null for anything else';

create or replace function raceday.refuse(p_status int, p_error text, p_more json default null) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('response.status', p_status::text, true);
    if p_more is null then
        return json_build_object('error', p_error);
    end if;
    return (jsonb_build_object('error', p_error) || p_more::jsonb)::json;
end
$$;
comment on function raceday.refuse(int, text, json) is 'Answers with an error status; returns the body {"error": ..., ...}';

-- The proxy may keep an answer for a second, and for a little longer while it asks again or the database is away.
create or replace function raceday.set_cache_headers(p_etag text) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('response.headers', format(
        '[{"ETag": "\"%s\""}, {"Cache-Control": "public, max-age=1, stale-while-revalidate=2, stale-if-error=10"}]', p_etag), true);
end
$$;
comment on function raceday.set_cache_headers(text) is 'Sets the headers ETag and Cache-Control of the answer';

-- Pollers ask with the ETag and are told 304 while nothing changed.
create or replace function raceday.cacheable(p_body json) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform raceday.set_cache_headers(to_hex(hashtextextended(p_body::text, 0)));
    return p_body;
end
$$;
comment on function raceday.cacheable(json) is 'Returns the body, having set the headers ETag and Cache-Control';

create or replace function raceday.found(p_body json, p_missing text) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_body is null then
        return raceday.refuse(404, p_missing);
    end if;
    return raceday.cacheable(p_body);
end
$$;
comment on function raceday.found(json, text) is 'Answers with the body, cacheable, or 404 when there is none';

-- Of a large answer nginx asks for the version first: 200 when there is a body to fetch, 401 when the client has this version already,
-- 403 when the request is refused (the codes that nginx's auth_request lets through). A refused request is asked again, to explain.
create or replace function raceday.version_answer(p_query text, p_refusal json, p_state text) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_etag text := to_hex(hashtextextended(concat_ws(' ', p_query, p_state), 0));
begin
    perform raceday.set_cache_headers(v_etag);
    if p_refusal is not null then
        perform set_config('response.status', case when raceday.request_header('x-raceday-explain') is null then '403' else '400' end, true);
        return p_refusal;
    end if;
    if raceday.request_header('x-raceday-if-none-match') = v_etag then
        perform set_config('response.status', '401', true);
    end if;
    return 'null';
end
$$;
comment on function raceday.version_answer(text, json, text) is
    'Answers the question for the version of a large body, which is made from its query and the state it shows';

create or replace function raceday.race_version(p_race_id text) returns text
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(' ',
        (select row(p.processed_through, p.payload_hash, p.rows_created_at, p.first_event_timestamp, p.last_event_timestamp)::text
            from raceday.race_progress p where p.race_id = p_race_id),
        (select row(count(*), max(e.updated_at))::text from raceday.entrants e where e.race_id = p_race_id))
$$;
comment on function raceday.race_version(text) is 'Changes whenever a race''s runners or its history do';
