-- Building a REST response: errors, cache headers, and the versions of large bodies.

do $$
begin
    if to_regtype('api."application/json"') is null then
        -- Because of its name, the REST server sends the value as it is, without parsing it; because it is text rather than json,
        -- PostgreSQL does not parse it either. For a body of 300 kB that saves 1 ms in PostgreSQL and 8 ms in postrust. In return,
        -- postrust sends such a value without the status and headers that the function set: see deploy/nginx/server.conf.template.
        create domain api."application/json" as text;
    end if;
end
$$;
comment on domain api."application/json" is 'The body of a large response, sent as it is';

create or replace function raceday.ascii_json(p_json text) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select case when p_json !~ '[^ -~]' then p_json else (
        select string_agg(
            case when c.code between 32 and 126 then chr(c.code)
                when c.code < 65536 then '\u' || lpad(to_hex(c.code), 4, '0')
                -- A surrogate pair.
                else '\u' || to_hex(55232 + (c.code >> 10)) || '\u' || to_hex(56320 + (c.code & 1023)) end,
            '' order by c.position)
        from (select ascii(letter), position from string_to_table(p_json, null) with ordinality l (letter, position)) c (code, position)
    ) end
$$;
comment on function raceday.ascii_json(text) is 'JSON text, on one line, with what is not printable ASCII in strings as \u escapes';

-- nginx replaces an error status that the REST server makes up by 503, so a 400 of ours is marked: its header has the body.
create or replace function raceday.error_header(p_body json) returns json
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select json_build_object('X-Raceday-Error', case
        -- nginx reads at most 16 kB of headers.
        when octet_length(b.body) <= 12000 then b.body
        else raceday.ascii_json(json_build_object('error', p_body ->> 'error')::text) end)
    from (select raceday.ascii_json(p_body::text)) b (body)
$$;
comment on function raceday.error_header(json) is 'The response header that marks a 400 as ours and repeats its body; without details if they are very long';

create or replace function raceday.error_response(p_status int, p_error text, p_more json default null) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_body json := json_build_object('error', p_error);
begin
    if p_more is not null then
        v_body := v_body::jsonb || p_more::jsonb;
    end if;
    perform set_config('response.status', p_status::text, true);
    if p_status = 400 then
        perform set_config('response.headers', json_build_array(raceday.error_header(v_body))::text, true);
    end if;
    return v_body;
end
$$;
comment on function raceday.error_response(int, text, json) is 'Sets an error status; returns the body {"error": ..., ...}';

-- The proxy may keep a response for a second, and a little longer while it revalidates it or the database is unavailable.
create or replace function raceday.set_cache_headers(p_etag text) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('response.headers', format(
        '[{"ETag": "\"%s\""}, {"Cache-Control": "public, max-age=1, stale-while-revalidate=2, stale-if-error=10"}]', p_etag), true);
end
$$;
comment on function raceday.set_cache_headers(text) is 'Sets the response headers ETag and Cache-Control';

-- A client that polls sends the ETag back and receives 304 until something changes.
create or replace function raceday.cacheable_response(p_body json) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform raceday.set_cache_headers(to_hex(hashtextextended(p_body::text, 0)));
    return p_body;
end
$$;
comment on function raceday.cacheable_response(json) is 'Sets ETag and Cache-Control; returns the body';

create or replace function raceday.row_or_404(p_body json, p_name text) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_body is null then
        return raceday.error_response(404, p_name || ' not found');
    end if;
    return raceday.cacheable_response(p_body);
end
$$;
comment on function raceday.row_or_404(json, text) is 'The body of a row, cacheable; 404 if there is no row';

create or replace function raceday.row_of_race_or_404(p_race_id text, p_body json, p_name text) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_race_id is null then
        return raceday.error_response(400, 'raceId is required');
    end if;
    return raceday.row_or_404(p_body, p_name);
end
$$;
comment on function raceday.row_of_race_or_404(text, json, text) is 'row_or_404 for a row found by the parameter raceId; 400 if the parameter is missing';

-- nginx asks for the version of a large response before its body: 200 if there is a body to fetch, 401 if the client already has this
-- version, 403 if the request is invalid (the statuses that nginx's auth_request supports). nginx then responds with 400 and the body in
-- the header. See docs/decisions/version-before-body.md.
create or replace function raceday.version_response(p_query text, p_error json, p_state text) returns json
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_etag text := to_hex(hashtextextended(concat_ws(' ', p_query, p_state), 0));
begin
    if p_error is not null then
        perform set_config('response.status', '403', true);
        perform set_config('response.headers', json_build_array(raceday.error_header(p_error))::text, true);
        return p_error;
    end if;
    perform raceday.set_cache_headers(v_etag);
    if raceday.request_header('x-raceday-if-none-match') = v_etag then
        perform set_config('response.status', '401', true);
    end if;
    return 'null';
end
$$;
comment on function raceday.version_response(text, json, text) is
    'Responds with the version of a large body, which is derived from its query and the state it shows; p_error, if any, is why the request is invalid';

create or replace function raceday.race_version(p_race_id text) returns text
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(' ',
        (select row(p.processed_through, p.payload_hash, p.rows_created_at, p.first_event_timestamp, p.last_event_timestamp)::text
            from raceday.race_progress p where p.race_id = p_race_id),
        (select row(count(*), max(e.updated_at))::text from raceday.entrants e where e.race_id = p_race_id))
$$;
comment on function raceday.race_version(text) is 'A text that changes whenever a race''s runners or history change';
