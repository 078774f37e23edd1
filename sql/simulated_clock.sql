-- A simulated clock for demos and tests. The caller replaces three placeholders with literals: {real_from} is the server's time at
-- which the simulation starts, {simulated_from} the simulated time at that moment, {rate} how fast simulated time runs.
-- Not part of `migrate`, which restores the real clock.

create or replace function raceday.now() returns timestamptz
    language sql stable parallel safe
    return '{simulated_from}'::timestamptz + (statement_timestamp() - '{real_from}'::timestamptz) * {rate}::double precision;

create or replace function raceday.clock_rate() returns double precision
    language sql stable parallel safe
    return {rate}::double precision;

create or replace function raceday.clock_is_simulated() returns boolean
    language sql stable parallel safe
    return true;
