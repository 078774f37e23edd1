-- Keys of clients that speak Appwrite's protocol: added and revoked by `raceday-fetcher key`, checked with every request.

-- A plain hash is enough: a key is random, so that nobody can find it by trying likely ones.
create or replace function raceday.key_hash(p_key text) returns bytea
    language sql immutable parallel safe
    return sha256(convert_to(coalesce(p_key, ''), 'UTF8'));
comment on function raceday.key_hash(text) is 'What is stored of a key; a missing key is hashed like a wrong one';

-- The same search for a missing, a wrong and a right key. Its time depends on the hash, which reveals nothing about a key.
create or replace function raceday.appwrite_key_role(p_project text, p_key text) returns text
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select k.role
    from raceday.api_keys k
    where k.key_hash = raceday.key_hash(p_key) and k.revoked_at is null and p_project = 'raceday'
$$;
comment on function raceday.appwrite_key_role(text, text) is
    'The role of a key, read or alerts; null if the key is missing, wrong or revoked, or the project is not raceday';

-- deploy/nginx/server.conf.template says what nginx does with it.
create or replace function api.appwrite_key()
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if raceday.appwrite_key_role(
            raceday.request_header('x-appwrite-project'), raceday.request_header('x-appwrite-key')) is null then
        perform set_config('response.status', '401', true);
    end if;
    return 'null';
end
$$;
comment on function api.appwrite_key() is 'Whether the request has a valid key, 200 or 401: nginx asks it once a minute per key';

create or replace function raceday.raceday_key_add(p_name text, p_role text) returns text
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    -- 244 random bits. The statement does not contain the key, so that no log and no statistics do.
    v_key text := 'raceday_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
begin
    insert into raceday.api_keys (key_hash, name, role) values (raceday.key_hash(v_key), p_name, p_role);
    return v_key;
exception
    when unique_violation then
        raise unique_violation using
            message = format('there is already a key named %s', p_name),
            hint = 'Choose another name, or revoke that key first: `raceday-fetcher key revoke`.';
    when check_violation or not_null_violation then
        raise check_violation using
            message = format('%L is not the name of a key, or %L is not a role', p_name, p_role),
            hint = 'A name is 1 to 64 letters, digits, dots, hyphens or underscores; a role is read or alerts.';
end
$$;
comment on function raceday.raceday_key_add(text, text) is 'Adds a key and returns it; only its hash is stored';

create or replace function raceday.raceday_key_revoke(p_name text) returns boolean
    language sql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
    with revoked as (
        update raceday.api_keys k set revoked_at = clock_timestamp() where k.name = p_name and k.revoked_at is null returning 1
    )
    select exists (select from revoked)
$$;
comment on function raceday.raceday_key_revoke(text) is 'Revokes a key with immediate effect; false if there is no valid key with this name';
