-- The role of the hub, raceday-live, and what it learns of a race's history.

do $$
begin
    create role raceday_live login noinherit;
    -- Only where it was just created: two databases migrating at once must not alter the same role.
    alter role raceday_live set search_path = '';
    alter role raceday_live set statement_timeout = '5s';
    alter role raceday_live set idle_in_transaction_session_timeout = '10s';
    -- The hub's queries are small; ingest needs the cores.
    alter role raceday_live set max_parallel_workers_per_gather = 0;
    comment on role raceday_live is 'The hub, raceday-live: hears which races change, and reads them through a few functions';
exception
    when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema raceday to raceday_live;

create table raceday.history_deletions (
    race_id text not null,
    deleted_at timestamptz not null,
    constraint history_deletions_pkey primary key (race_id)
);
alter table raceday.history_deletions owner to raceday_owner;
comment on table raceday.history_deletions is
    'Races of which rows of money_flow_history were replaced: whoever follows such a race reads it again';
comment on column raceday.history_deletions.deleted_at is
    'created_at of the rows that replaced them; rows that are older may have been sent together with deleted ones';
