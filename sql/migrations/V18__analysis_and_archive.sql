-- What analysts read, and what is known about the files of the archive.

create schema analysis authorization raceday_owner;
comment on schema analysis is 'Documented views for analysts and exports: docs/analysis.md';

do $$
begin
    create role raceday_analyst login noinherit;
    -- Only where it was just created: two databases migrating at once must not alter the same role.
    alter role raceday_analyst connection limit 3;
    alter role raceday_analyst set search_path = 'analysis';
    alter role raceday_analyst set default_transaction_read_only = on;
    alter role raceday_analyst set statement_timeout = '30s';
    alter role raceday_analyst set idle_in_transaction_session_timeout = '60s';
    alter role raceday_analyst set lock_timeout = '1s';
    alter role raceday_analyst set work_mem = '16MB';
    -- Ingest needs the cores. Only a superuser may change the limit of temporary files.
    alter role raceday_analyst set max_parallel_workers_per_gather = 0;
    alter role raceday_analyst set temp_file_limit = '2GB';
    comment on role raceday_analyst is 'Analysts log in as this role: the views of schema analysis and nothing else, with limits of time, memory and sessions';
exception
    when duplicate_object or unique_violation then null;
end
$$;

alter table raceday.maintenance_settings
    add column archive_payloads boolean not null default false,
    add column archive_keep interval,
    add constraint maintenance_settings_archive_keep_check check (archive_keep > interval '0');
comment on column raceday.maintenance_settings.archive_payloads is
    'Whether payloads are kept until they are archived; a fetcher with RACEDAY_ARCHIVE_DIR sets it, a person unsets it';
comment on column raceday.maintenance_settings.archive_keep is
    'How long history stays in schema archive before it is exported and dropped, counted from its last day; null for ever';

create table raceday.archived_partitions (
    parent_table text not null,
    partition text not null,
    row_count bigint not null,
    file text not null,
    file_bytes bigint not null,
    sha256 text not null,
    archived_by text not null,
    archived_at timestamptz not null default clock_timestamp(),
    constraint archived_partitions_pkey primary key (parent_table, partition),
    constraint archived_partitions_row_count_check check (row_count >= 0)
);
alter table raceday.archived_partitions owner to raceday_owner;
comment on table raceday.archived_partitions is 'Partitions that are in a file of the archive: only these are dropped';
comment on column raceday.archived_partitions.row_count is 'Rows in the file; a partition that has another number by now is archived again';
comment on column raceday.archived_partitions.file is 'The file''s path where the fetcher archived_by runs';
