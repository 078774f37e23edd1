-- Requests of Appwrite's protocol: what they name, who sends them, and errors.
--
-- An error is raised, because a REST server sends a large body fastest without reading the status that a function set (see 11_response.sql
-- in sql/api). nginx sends the header as the body, and thereby knows that the REST server did not make up the error.

create or replace function raceday.appwrite_raise(p_status int, p_type text, p_message text) returns void
    language plpgsql volatile parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_body text := raceday.ascii_json(
        json_build_object('message', p_message, 'code', p_status, 'type', p_type, 'version', '1.7.4')::text);
begin
    raise sqlstate 'PGRST' using
        message = json_build_object('code', p_type, 'message', p_message),
        detail = json_build_object('status', p_status, 'headers', json_build_object('X-Raceday-Error', v_body));
end
$$;
comment on function raceday.appwrite_raise(int, text, text) is 'Ends the request with an error of Appwrite''s';

create or replace function raceday.appwrite_path(out database text, out collection text, out document text)
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[] := regexp_match(
        raceday.request_header('x-raceday-path'), '^/v1/databases/([^/]+)/collections/([^/]+)/documents(?:/([^/]+))?/?$');
begin
    -- In a path, a plus sign is literal.
    database := raceday.decode_url_text(replace(v_parts[1], '+', '%2B'));
    collection := raceday.decode_url_text(replace(v_parts[2], '+', '%2B'));
    document := raceday.decode_url_text(replace(v_parts[3], '+', '%2B'));
end
$$;
comment on function raceday.appwrite_path() is 'What the path of the current REST request names; nulls if it names no documents';

create or replace function raceday.appwrite_open(p_may_write boolean, out collection text, out document text)
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_path record := raceday.appwrite_path();
    v_role text := raceday.appwrite_key_role(
        raceday.request_header('x-appwrite-project'), raceday.request_header('x-appwrite-key'));
begin
    if v_role is null then
        perform raceday.appwrite_raise(401, 'general_unauthorized_scope', 'The project or the API key is missing or wrong');
    elsif v_path.database is null then
        perform raceday.appwrite_raise(404, 'general_route_not_found', 'Route not found');
    elsif v_path.database <> 'raceday-db' then
        perform raceday.appwrite_raise(404, 'database_not_found', 'Database not found');
    elsif raceday.appwrite_collection(v_path.collection) is null then
        perform raceday.appwrite_raise(404, 'collection_not_found', 'Collection with the requested ID could not be found');
    elsif p_may_write and (v_role <> 'alerts' or v_path.collection <> 'user-alert-configs') then
        perform raceday.appwrite_raise(401, 'general_unauthorized_scope',
            'A key with the role alerts may write user-alert-configs; nothing else may be written');
    end if;
    collection := v_path.collection;
    document := v_path.document;
end
$$;
comment on function raceday.appwrite_open(boolean) is
    'The collection and document that the current request may read, or write; document is null if it is about the whole collection';
