-- Why the TAB refuses fetchers, for GET /health.

create table raceday.source_refusals (
    worker text not null,
    reason text not null,
    reported_at timestamptz not null,
    constraint source_refusals_pkey primary key (worker)
);
alter table raceday.source_refusals owner to raceday_owner;
comment on table raceday.source_refusals is 'Fetchers that the TAB refuses, while it does';
comment on column raceday.source_refusals.reported_at is 'When the fetcher last said so, by the server''s clock; it repeats it every 10 s';
