-- Schemas, roles and extensions. Runs as a superuser (pg_partman's worker and the extension need one).
-- Roles belong to the whole server, so a second Raceday database on it finds them already there.

do $$
declare
    v_role text;
begin
    foreach v_role in array array['raceday_owner', 'raceday_fetcher', 'authenticator', 'web_anon'] loop
        begin
            execute format('create role %I nologin noinherit', v_role);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

alter role raceday_fetcher login;
alter role raceday_fetcher set search_path = '';
alter role raceday_fetcher set idle_in_transaction_session_timeout = '60s';
alter role authenticator login noinherit;
alter role authenticator set statement_timeout = '5s';
alter role authenticator set idle_in_transaction_session_timeout = '10s';
grant web_anon to authenticator;

comment on role raceday_owner is 'Owns Raceday''s tables and functions; nobody logs in as it';
comment on role raceday_fetcher is 'The fetcher: stages payloads, claims and processes races, nothing else';
comment on role authenticator is 'The REST server logs in as this role and becomes web_anon';
comment on role web_anon is 'What an anonymous REST client may do: read schema api';

-- refinery makes schema raceday for its own history table before the first migration.
create schema if not exists raceday;
create schema api;
create schema partman;
create schema archive;
alter schema raceday owner to raceday_owner;
alter schema api owner to raceday_owner;

comment on schema raceday is 'Raceday''s data and functions';
comment on schema api is 'What REST serves: views and functions, nothing that stores';
comment on schema partman is 'pg_partman: daily partitions';
comment on schema archive is 'Partitions of history past their retention, detached and kept';

revoke all on schema public from public;
grant usage on schema raceday to raceday_fetcher;

-- Functions are for whoever is named, never for everybody.
alter default privileges revoke execute on functions from public;
alter default privileges for role raceday_owner revoke execute on functions from public;

create extension pg_partman schema partman;
create extension pg_raceday_ext schema raceday;

do $$
begin
    -- psql users type raceday_process(...) without a schema; days are UTC days for every session, the partition worker's too.
    execute format('alter database %I set search_path = raceday, public', current_database());
    execute format('alter database %I set timezone = ''UTC''', current_database());
end
$$;
