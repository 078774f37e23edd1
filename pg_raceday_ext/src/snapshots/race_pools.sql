-- To write a race's pools
insert into raceday.race_pools as p (race_id, win_pool_total, place_pool_total,
    quinella_pool_total, trifecta_pool_total, exacta_pool_total, first4_pool_total, total_race_pool,
    multi_leg_pool_total, data_quality_score, extracted_pools, last_updated)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::int4, $11::int4,
    $12)
on conflict (race_id) do update
set win_pool_total = excluded.win_pool_total,
    place_pool_total = excluded.place_pool_total, quinella_pool_total = excluded.quinella_pool_total,
    trifecta_pool_total = excluded.trifecta_pool_total, exacta_pool_total = excluded.exacta_pool_total,
    first4_pool_total = excluded.first4_pool_total, total_race_pool = excluded.total_race_pool,
    multi_leg_pool_total = excluded.multi_leg_pool_total,
    data_quality_score = excluded.data_quality_score, extracted_pools = excluded.extracted_pools,
    last_updated = excluded.last_updated;

