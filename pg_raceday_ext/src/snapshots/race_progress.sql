-- To load a race's newest poll
select exists (select from raceday.pending_payloads q where q.race_id = $1),
    g.race_id is not null, g.processed_through, g.payload_hash,
    g.generated_at, g.event_timestamp
from (values (0)) one left join raceday.race_progress g on g.race_id = $1;

-- To write a race's progress
insert into raceday.race_progress as g (race_id, processed_through, payload_hash, generated_at,
    event_timestamp, first_event_timestamp, last_event_timestamp, first_fetched_at, has_history,
    rows_created_at, rows_win_cents, rows_place_cents, entrant_ids, win_intervals, win_amounts,
    win_bases, place_intervals, place_amounts, place_bases, fixed_win_odds, fixed_place_odds,
    pool_win_odds, pool_place_odds, watch)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
    $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
on conflict (race_id) do update
set processed_through = excluded.processed_through,
    payload_hash = excluded.payload_hash, generated_at = excluded.generated_at,
    event_timestamp = excluded.event_timestamp, first_event_timestamp = excluded.first_event_timestamp,
    last_event_timestamp = excluded.last_event_timestamp, first_fetched_at = excluded.first_fetched_at,
    has_history = excluded.has_history, rows_created_at = excluded.rows_created_at,
    rows_win_cents = excluded.rows_win_cents, rows_place_cents = excluded.rows_place_cents,
    entrant_ids = excluded.entrant_ids, win_intervals = excluded.win_intervals,
    win_amounts = excluded.win_amounts, win_bases = excluded.win_bases,
    place_intervals = excluded.place_intervals, place_amounts = excluded.place_amounts,
    place_bases = excluded.place_bases, fixed_win_odds = excluded.fixed_win_odds,
    fixed_place_odds = excluded.fixed_place_odds, pool_win_odds = excluded.pool_win_odds,
    pool_place_odds = excluded.pool_place_odds, watch = excluded.watch;

