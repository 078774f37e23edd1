-- Keys of clients that speak Appwrite's protocol; the functions are sql/appwrite/10_keys.sql.

create table raceday.api_keys (
    key_hash bytea not null,
    name text not null,
    role text not null,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (key_hash),
    constraint api_keys_key_hash_check check (octet_length(key_hash) = 32),
    constraint api_keys_name_check check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    constraint api_keys_role_check check (role in ('read', 'alerts')),
    constraint api_keys_revoked_at_check check (revoked_at >= created_at)
);
comment on table raceday.api_keys is 'Keys of clients that speak Appwrite''s protocol; the keys themselves are stored nowhere';
comment on column raceday.api_keys.key_hash is 'SHA-256 of the key';
comment on column raceday.api_keys.name is 'Which client uses it; unique among the keys that are not revoked';
comment on column raceday.api_keys.role is 'read: all data; alerts: may also create and change alerts';

create unique index api_keys_name_key on raceday.api_keys (name) where revoked_at is null;

alter table raceday.api_keys owner to raceday_owner;
