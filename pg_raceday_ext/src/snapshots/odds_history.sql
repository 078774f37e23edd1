-- To append a poll's changed odds
insert into raceday.odds_history (race_id, created_at, event_timestamp, polling_timestamp,
    entrant_id, type, odds)
select $1, $2, $3, $4, u.entrant_id, u.type, u.odds
from unnest($5, $6, $7)
    u (entrant_id, type, odds);

-- To delete a race's odds of a span
delete from raceday.odds_history
where race_id = $1 and polling_timestamp >= $2 and event_timestamp between $3 and $4;

