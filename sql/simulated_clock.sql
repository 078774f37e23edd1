-- A simulated clock for demos and tests: {real_from} = the server's time at which it starts, {simulated_from} = the simulated time then, {rate} = its rate.
-- Not part of `migrate`, which puts the real clock back. The caller replaces the three placeholders by literals.

create or replace function raceday.now() returns timestamptz
    language sql stable parallel safe
    return '{simulated_from}'::timestamptz + (statement_timestamp() - '{real_from}'::timestamptz) * {rate}::double precision;

create or replace function raceday.clock_rate() returns double precision
    language sql stable parallel safe
    return {rate}::double precision;

create or replace function raceday.clock_is_simulated() returns boolean
    language sql stable parallel safe
    return true;
