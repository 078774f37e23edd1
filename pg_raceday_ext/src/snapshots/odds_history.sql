-- To append a poll's changed odds
insert into raceday.odds_history (race_id, created_at, event_timestamp, polling_timestamp,
    entrant_id, type, odds)
select $1, $2, $3, $4, u.entrant_id, u.type, u.odds
from unnest($5, $6, $7)
    u (entrant_id, type, odds);

-- To load a race's odds of a span
select h.id, h.event_timestamp, h.polling_timestamp, true,
    h.event_timestamp, h.polling_timestamp, h.entrant_id, h.type, (h.odds * 100)::int8
from raceday.odds_history h
where h.race_id = $1 and h.polling_timestamp >= $2 and h.event_timestamp between $3 and $4;

-- To delete some of a race's odds
delete from raceday.odds_history
where race_id = $1 and id = any ($2) and event_timestamp between $3 and $4;

