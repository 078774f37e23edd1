-- Raceday's one clock, real. Every `migrate` puts it back, so a simulated clock never survives a deployment.

create or replace function raceday.now() returns timestamptz
    language sql stable parallel safe
    return statement_timestamp();
comment on function raceday.now() is 'What time it is for Raceday: the server''s clock, or the simulated one of a demo';

create or replace function raceday.clock_rate() returns double precision
    language sql stable parallel safe
    return 1.0::double precision;
comment on function raceday.clock_rate() is 'Seconds of raceday.now() per second of the server''s clock; 1 unless simulated';

create or replace function raceday.clock_is_simulated() returns boolean
    language sql stable parallel safe
    return false;
comment on function raceday.clock_is_simulated() is 'Whether raceday.now() is a demo''s clock; the fetcher then refuses any TAB but one on this machine';

alter function raceday.now() owner to raceday_owner;
alter function raceday.clock_rate() owner to raceday_owner;
alter function raceday.clock_is_simulated() owner to raceday_owner;
grant execute on function raceday.now(), raceday.clock_rate(), raceday.clock_is_simulated() to raceday_fetcher;
