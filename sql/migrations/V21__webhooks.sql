-- Signals sent to a webhook: which are sent, and each delivery until it is done. See docs/webhooks.md.

create table raceday.webhook_filter (
    only_row boolean not null default true,
    min_level int not null,
    countries text[] not null,
    since timestamptz not null,
    collected_until timestamptz not null,
    constraint webhook_filter_pkey primary key (only_row),
    constraint webhook_filter_only_row_check check (only_row)
);
comment on table raceday.webhook_filter is 'Which signals are sent to the webhook, as the settings of raceday-live say; one row, none before the first start with a webhook';
comment on column raceday.webhook_filter.min_level is 'The lowest level that is sent: 20 or 200';
comment on column raceday.webhook_filter.countries is 'Countries of the meetings whose signals are sent; empty for all';
comment on column raceday.webhook_filter.since is 'Signals written before it are not sent: when this filter came into force';
comment on column raceday.webhook_filter.collected_until is 'When signals were last collected: from when a new filter is in force';

create table raceday.webhook_deliveries (
    delivery_id uuid not null default uuidv7(),
    race_id text not null,
    entrant_id text not null,
    level int not null,
    body json not null,
    status text not null default 'pending',
    attempts int not null default 0,
    next_attempt_at timestamptz default clock_timestamp(),
    expires_at timestamptz not null,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    constraint webhook_deliveries_pkey primary key (delivery_id),
    constraint webhook_deliveries_signal_key unique (race_id, entrant_id, level),
    constraint webhook_deliveries_status_check check (status in ('pending', 'delivered', 'failed')),
    constraint webhook_deliveries_next_attempt_at_check check ((status = 'pending') = (next_attempt_at is not null)),
    constraint webhook_deliveries_finished_at_check check ((status = 'pending') = (finished_at is null))
);
create index webhook_deliveries_next_attempt_at_idx on raceday.webhook_deliveries (next_attempt_at) where status = 'pending';
create index webhook_deliveries_finished_at_idx on raceday.webhook_deliveries (finished_at);
comment on table raceday.webhook_deliveries is
    'Signals sent, or to be sent, to the webhook: one row per race, runner and level, whatever becomes of the signal later. Kept for 30 days';
comment on column raceday.webhook_deliveries.delivery_id is 'Sent as webhook-id, the same with each attempt: receivers know a repeat by it';
comment on column raceday.webhook_deliveries.body is 'The signal as GET /api/signals returned it when it was collected';
comment on column raceday.webhook_deliveries.status is 'pending, delivered, or failed: refused by the receiver, or given up at expires_at';
comment on column raceday.webhook_deliveries.attempts is 'Attempts begun';
comment on column raceday.webhook_deliveries.next_attempt_at is 'When it is tried again; while an attempt runs, when another may begin if nothing is heard of that one';
comment on column raceday.webhook_deliveries.last_error is 'Why the last attempt failed; never contains the address or the secret';

do $$
declare
    v_table text;
begin
    foreach v_table in array array['webhook_filter', 'webhook_deliveries'] loop
        execute format('alter table raceday.%I owner to raceday_owner', v_table);
    end loop;
end
$$;
