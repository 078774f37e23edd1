-- To write a poll's signals
insert into raceday.signals as s (race_id, created_at, entrant_id, level, event_timestamp, polling_timestamp,
    seconds_to_start, evidence, rarity, provisional, calibration_version, money, excess, multiple,
    share_before, share_after, reasons)
select $1, $2, u.entrant_id, u.level::int4, u.event_timestamp,
    u.polling_timestamp, u.seconds_to_start::int4, u.evidence, u.rarity::int4, u.provisional,
    u.calibration_version::int4, u.money, u.excess, u.multiple, u.share_before, u.share_after,
    u.reasons::jsonb
from unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
    $16, $17)
    u (entrant_id, level, event_timestamp, polling_timestamp,
    seconds_to_start, evidence, rarity, provisional, calibration_version, money, excess, multiple,
    share_before, share_after, reasons)
on conflict (race_id, entrant_id, level) do update
set event_timestamp = excluded.event_timestamp,
    polling_timestamp = excluded.polling_timestamp, seconds_to_start = excluded.seconds_to_start,
    evidence = excluded.evidence, rarity = excluded.rarity, provisional = excluded.provisional,
    calibration_version = excluded.calibration_version, money = excluded.money, excess = excluded.excess,
    multiple = excluded.multiple, share_before = excluded.share_before,
    share_after = excluded.share_after, reasons = excluded.reasons, created_at = excluded.created_at
where (s.event_timestamp, s.polling_timestamp, s.seconds_to_start,
    s.evidence, s.rarity, s.provisional, s.calibration_version, s.money, s.excess, s.multiple,
    s.share_before, s.share_after, s.reasons) is distinct from
    (excluded.event_timestamp, excluded.polling_timestamp,
    excluded.seconds_to_start, excluded.evidence, excluded.rarity, excluded.provisional,
    excluded.calibration_version, excluded.money, excluded.excess, excluded.multiple,
    excluded.share_before, excluded.share_after, excluded.reasons);

