-- GET /v1/databases/raceday-db/collections/{collection}/documents and .../documents/{document}.

create or replace function raceday.appwrite_first_value(p_queries jsonb, p_method text) returns text
    language sql immutable parallel safe
    return jsonb_path_query_first(p_queries, '$[*] ? (@.method == $method).values[0]', jsonb_build_object('method', p_method)) #>> '{}';
comment on function raceday.appwrite_first_value(jsonb, text) is 'The value of the first query with this method; null if there is none';

create or replace function raceday.appwrite_get(p_name text, p_document text, p_queries jsonb) returns text
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_document text;
begin
    execute format('select %s from %s where %s limit 1',
        raceday.appwrite_selected_document(p_name, p_queries), v_collection ->> 'from', v_collection ->> 'key')
    into v_document
    using p_document;
    if v_document is null then
        perform raceday.appwrite_raise(404, 'document_not_found', 'Document with the requested ID could not be found');
    end if;
    return v_document;
end
$$;
comment on function raceday.appwrite_get(text, text, jsonb) is 'The JSON text of one document; raises an error if it does not exist';

-- The place of a row of money flow in the order of insertion is its id, so a cursor needs no row: a client's cursor stays valid when its
-- row is computed again and gets another id. Which ids there have been, the sequence knows.
create or replace function raceday.appwrite_money_flow_place(p_cursor text) returns text[]
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select array[p_cursor]
    where p_cursor ~ '^[1-9]\d{0,17}$'
      and p_cursor::bigint <= pg_sequence_last_value(pg_get_serial_sequence('raceday.money_flow_history', 'id')::regclass)
$$;
comment on function raceday.appwrite_money_flow_place(text) is 'Where a row of money flow is in the order of insertion; null if there never was one';

create or replace function raceday.appwrite_place(p_name text, p_cursor text, p_place text, p_race_id text, p_first timestamptz, p_last timestamptz)
    returns text[]
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_statement text := format(
        'select array[%s] from %s where %s', p_place, v_collection ->> 'from', v_collection ->> 'key');
    v_place text[];
begin
    if p_name = 'money-flow-history' and p_place = '(d.id)::text' then
        v_place := raceday.appwrite_money_flow_place(p_cursor);
    elsif p_name = 'money-flow-history' then
        execute v_statement || ' and d.race_id = $2 and d.event_timestamp between $3 and $4'
        into v_place using p_cursor, p_race_id, p_first, p_last;
    end if;
    -- A row of another race is looked for in all partitions, which no client does.
    if v_place is null and p_place <> '(d.id)::text' then
        execute v_statement || ' limit 1' into v_place using p_cursor;
    end if;
    if v_place is null then
        perform raceday.appwrite_raise(400, 'general_cursor_not_found',
            format('Document ''%s'' for the ''cursor'' value not found', left(p_cursor, 100)));
    end if;
    return v_place;
end
$$;
comment on function raceday.appwrite_place(text, text, text, text, timestamptz, timestamptz) is
    'The values of the cursor''s document in the expressions of an order; raises an error if it does not exist';

-- Without bitmaps, rows are read in the order of an index, and a page ends when it is full.
create or replace function raceday.appwrite_list(p_name text, p_queries jsonb) returns text
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set enable_bitmapscan = off
as $$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_filter record := raceday.appwrite_filters(v_collection -> 'attributes', p_queries);
    v_order record := raceday.appwrite_order(v_collection, p_queries);
    v_rows text := format(' from %s where %s', v_collection ->> 'from', v_filter.conditions);
    v_first timestamptz;
    v_last timestamptz;
    v_limit bigint := coalesce(raceday.appwrite_first_value(p_queries, 'limit')::numeric, 25);
    v_offset bigint := coalesce(raceday.appwrite_first_value(p_queries, 'offset')::numeric, 0);
    v_cursor text := raceday.appwrite_first_value(p_queries, 'cursorAfter');
    v_place text[];
    v_documents text;
    v_count bigint;
begin
    if p_name = 'money-flow-history' then
        if v_filter.race_id is null then
            perform raceday.appwrite_raise(400, 'general_query_invalid', 'Invalid query: money-flow-history needs equal("raceId", one id)');
        end if;
        -- The one or two partitions that the race's history is in.
        select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
        from raceday.race_progress p where p.race_id = v_filter.race_id;
        v_rows := v_rows || ' and d.event_timestamp between $5 and $6';
    end if;
    if v_cursor is not null then
        v_place := raceday.appwrite_place(p_name, v_cursor, v_order.place, v_filter.race_id, v_first, v_last);
    end if;
    execute format(
        'select string_agg(page.document, '',''), count(*) from (select %s as document%s and %s order by %s limit $7 offset $8) page',
        raceday.appwrite_selected_document(p_name, p_queries), v_rows,
        case when v_cursor is null then 'true' else v_order.after end, v_order.order_by)
    into v_documents, v_count
    using v_filter.texts, v_filter.numbers, v_filter.instants, v_filter.days, v_first, v_last, v_limit, v_offset, v_place;
    if v_cursor is not null or v_offset > 0 or v_count = v_limit then
        execute 'select count(*)' || v_rows into v_count
        using v_filter.texts, v_filter.numbers, v_filter.instants, v_filter.days, v_first, v_last;
    end if;
    return format('{"total":%s,"documents":[%s]}', v_count, v_documents);
end
$$;
comment on function raceday.appwrite_list(text, jsonb) is 'The JSON text of a list of documents: a page, and the number of all that match the filters';

create or replace function api.appwrite_read()
    returns api."application/json"
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_request record := raceday.appwrite_open(false);
    v_queries jsonb := raceday.appwrite_valid_queries(v_request.collection, raceday.request_header('x-raceday-query'));
begin
    if v_request.document is null then
        return raceday.appwrite_list(v_request.collection, v_queries);
    end if;
    return raceday.appwrite_get(v_request.collection, v_request.document, v_queries);
end
$$;
comment on function api.appwrite_read() is 'GET of documents in Appwrite''s protocol; the path, the query and the key are request headers that nginx sets';
