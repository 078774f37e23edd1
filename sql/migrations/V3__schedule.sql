-- Which race is polled when: settings and state; the query is functions/schedule.sql.

create table raceday.poll_settings (
    only_row boolean not null default true,
    lease interval not null default '8 seconds',
    stop_after interval not null default '1 day',
    meetings_every interval not null default '5 minutes',
    countries text[] not null default '{NZ,AUS}',
    categories text[] not null default '{T,H}',
    constraint poll_settings_pkey primary key (only_row),
    constraint poll_settings_only_row_check check (only_row),
    constraint poll_settings_lease_check check (lease > interval '0'),
    constraint poll_settings_categories_check check (categories <@ array['T', 'H'])
);
insert into raceday.poll_settings default values;
comment on table raceday.poll_settings is 'Settings of polling, one row';
comment on column raceday.poll_settings.lease is 'How long a claimed race is its worker''s: after that another worker may claim it';
comment on column raceday.poll_settings.stop_after is 'A race is given up this long after its start, finished or not';
comment on column raceday.poll_settings.meetings_every is 'How often the day''s meetings list is fetched';
comment on column raceday.poll_settings.countries is 'Countries whose meetings are followed';
comment on column raceday.poll_settings.categories is 'Kinds of racing followed: T thoroughbred, H harness';

create table raceday.poll_cadence (
    within_s int not null,
    every_s int not null,
    constraint poll_cadence_pkey primary key (within_s),
    constraint poll_cadence_every_s_check check (every_s > 0)
);
insert into raceday.poll_cadence (within_s, every_s) values (300, 15), (900, 30), (3900, 60), (86400, 1800);
comment on table raceday.poll_cadence is 'Seconds between polls by seconds to the start; earlier than the widest row a race is not polled';
comment on column raceday.poll_cadence.within_s is 'From this many seconds before the start on (and after it, for the smallest)';

create table raceday.race_polls (
    race_id text not null,
    first_due_at timestamptz not null default raceday.now(),
    slot_at timestamptz,
    claimed_at timestamptz,
    claimed_by text,
    lease_until timestamptz,
    constraint race_polls_pkey primary key (race_id),
    constraint race_polls_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
) with (fillfactor = 50);
comment on table raceday.race_polls is 'The polling of each race: its last slot and who holds it';
comment on column raceday.race_polls.slot_at is 'When the last claimed poll was due; the next is counted from here, so that lateness does not add up';

create table raceday.list_polls (
    list_date date not null,
    slot_at timestamptz,
    lease_until timestamptz,
    claimed_by text,
    processed_through timestamptz,
    constraint list_polls_pkey primary key (list_date)
);
comment on table raceday.list_polls is 'The polling of each New Zealand day''s meetings list';
comment on column raceday.list_polls.processed_through is 'fetched_at of the newest list processed; an older one only adds what is missing';

create function raceday.schedule_race() returns trigger
    language plpgsql volatile parallel unsafe
    set search_path = ''
as $$
begin
    insert into raceday.race_polls (race_id) values (new.race_id) on conflict do nothing;
    return null;
end
$$;
comment on function raceday.schedule_race() is 'Trigger: a race that becomes known becomes due';
create trigger races_schedule after insert on raceday.races for each row execute function raceday.schedule_race();

alter table raceday.poll_settings owner to raceday_owner;
alter table raceday.poll_cadence owner to raceday_owner;
alter table raceday.race_polls owner to raceday_owner;
alter table raceday.list_polls owner to raceday_owner;
alter function raceday.schedule_race() owner to raceday_owner;
