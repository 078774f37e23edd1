-- To load a race's runners
select e.entrant_id,
    e.name, e.runner_number::int8, (e.win_odds * 100)::int8,
    (e.place_odds * 100)::int8, (e.pool_win_odds * 100)::int8, (e.pool_place_odds * 100)::int8,
    (e.hold_percentage * 100)::int8, (e.bet_percentage * 100)::int8, e.is_scratched, e.is_late_scratched,
    e.scratched_at, e.barrier::int8, e.jockey, e.trainer_name, e.silk_colours, e.silk_url_64,
    e.silk_url_128, e.runner_change, e.favourite, e.mover, (e.opening_odds * 100)::int8,
    e.opening_odds_at, (e.nine_am_odds * 100)::int8, (e.highest_odds * 100)::int8,
    (e.lowest_odds * 100)::int8
from raceday.entrants e where e.race_id = $1;

-- To write runners
insert into raceday.entrants as e (race_id, entrant_id, name, runner_number, win_odds, place_odds, pool_win_odds,
    pool_place_odds, hold_percentage, bet_percentage, is_scratched, is_late_scratched, scratched_at,
    barrier, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change, favourite,
    mover, opening_odds, opening_odds_at, nine_am_odds, highest_odds, lowest_odds)
select $1, $2[i], $3[i], $4[i]::int4, $5[i], $6[i], $7[i], $8[i], $9[i],
    $10[i], $11[i], $12[i], $13[i], $14[i]::int4, $15[i], $16[i], $17[i], $18[i], $19[i], $20[i], $21[i],
    $22[i], $23[i], $24[i], $25[i], $26[i], $27[i]
from generate_subscripts($2, 1) i
on conflict (race_id, entrant_id) do update
set name = excluded.name, runner_number = excluded.runner_number,
    win_odds = excluded.win_odds, place_odds = excluded.place_odds,
    pool_win_odds = excluded.pool_win_odds, pool_place_odds = excluded.pool_place_odds,
    hold_percentage = excluded.hold_percentage, bet_percentage = excluded.bet_percentage,
    is_scratched = excluded.is_scratched, is_late_scratched = excluded.is_late_scratched,
    scratched_at = excluded.scratched_at, barrier = excluded.barrier, jockey = excluded.jockey,
    trainer_name = excluded.trainer_name, silk_colours = excluded.silk_colours,
    silk_url_64 = excluded.silk_url_64, silk_url_128 = excluded.silk_url_128,
    runner_change = excluded.runner_change, favourite = excluded.favourite, mover = excluded.mover,
    opening_odds = excluded.opening_odds, opening_odds_at = excluded.opening_odds_at,
    nine_am_odds = excluded.nine_am_odds, highest_odds = excluded.highest_odds,
    lowest_odds = excluded.lowest_odds, updated_at = clock_timestamp();

