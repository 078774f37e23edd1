-- What `raceday-fetcher import-appwrite` needs; its functions are sql/appwrite/72_import.sql and the two before it.

do $$
begin
    create role raceday_importer nologin noinherit;
    comment on role raceday_importer is 'What import-appwrite becomes: may call the functions that import documents, and nothing else';
exception
    when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema raceday to raceday_importer;

create table raceday.imported_races (
    race_id text not null,
    imported_at timestamptz not null default clock_timestamp(),
    constraint imported_races_pkey primary key (race_id),
    constraint imported_races_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
);
comment on table raceday.imported_races is 'Races that were imported: only their runners, pools, results and history are';

create table raceday.unfinished_imports (
    source text not null,
    collection text not null,
    race_id text,
    after_id text,
    report jsonb not null,
    noted_at timestamptz not null default clock_timestamp(),
    constraint unfinished_imports_pkey primary key (source)
);
comment on table raceday.unfinished_imports is 'How far an import has come that is running or was interrupted; it continues from there';
comment on column raceday.unfinished_imports.source is 'Endpoint and project';
comment on column raceday.unfinished_imports.race_id is 'The race whose money flow is being read';
comment on column raceday.unfinished_imports.after_id is 'The $id of the last document imported: the cursor of the next page';
comment on column raceday.unfinished_imports.report is 'What became of the documents so far';

alter table raceday.imported_races owner to raceday_owner;
alter table raceday.unfinished_imports owner to raceday_owner;
