-- Raceday's clock, in real time. Every `migrate` restores it, so a simulated clock never survives a deployment.

create or replace function raceday.now() returns timestamptz
    language sql stable parallel safe
    return statement_timestamp();
comment on function raceday.now() is 'Raceday''s current time: the server''s clock, or a demo''s simulated one';

create or replace function raceday.clock_rate() returns double precision
    language sql stable parallel safe
    return 1.0::double precision;
comment on function raceday.clock_rate() is 'Seconds of raceday.now() per second of the server''s clock; 1 unless simulated';

create or replace function raceday.clock_is_simulated() returns boolean
    language sql stable parallel safe
    return false;
comment on function raceday.clock_is_simulated() is 'Whether raceday.now() is simulated; if so, the fetcher refuses any TAB that is not on this machine';
