-- To load a race
select r.meeting_id, r.name, r.race_number::int8, r.start_time,
    r.status, r.phase, r.actual_start, r.distance::int8, r.track_condition, r.weather, r.type, r.protest,
    r.last_status_change, r.finalized_at, r.abandoned_at, r.polled_at, r.meeting_name, r.meeting_country,
    r.meeting_state, r.race_date_nz::text,
    p.race_id is not null, (p.win_pool_total * 100)::int8,
    (p.place_pool_total * 100)::int8, (p.quinella_pool_total * 100)::int8,
    (p.trifecta_pool_total * 100)::int8, (p.exacta_pool_total * 100)::int8,
    (p.first4_pool_total * 100)::int8, (p.total_race_pool * 100)::int8,
    (p.multi_leg_pool_total * 100)::int8, p.data_quality_score::int8, p.extracted_pools::int8,
    p.last_updated,
    s.race_id is not null, s.results_available,
    s.results_data::text, s.dividends_data::text, s.fixed_odds_data::text, s.result_status,
    s.protest_lodged, s.result_time,
    g.race_id is not null, g.processed_through, g.payload_hash,
    g.generated_at, g.event_timestamp, g.first_event_timestamp, g.last_event_timestamp,
    g.first_fetched_at, g.has_history, g.rows_created_at, g.rows_win_cents, g.rows_place_cents,
    g.entrant_ids, g.win_intervals, g.win_amounts, g.win_bases, g.place_intervals, g.place_amounts,
    g.place_bases, g.fixed_win_odds, g.fixed_place_odds, g.pool_win_odds, g.pool_place_odds, g.watch,
    (select max(c.version)::int8 from raceday.signal_calibrations c),
    (select s.tote_rounding = 'nearest' from raceday.signal_settings s)
from raceday.races r
left join raceday.race_pools p on p.race_id = r.race_id
left join raceday.race_results s on s.race_id = r.race_id
left join raceday.race_progress g on g.race_id = r.race_id
where r.race_id = $1;

-- To write a race
insert into raceday.races as r (race_id, meeting_id, name, race_number, start_time, status,
    phase, actual_start, distance, track_condition, weather, type, protest, last_status_change,
    finalized_at, abandoned_at, polled_at, meeting_name, meeting_country, meeting_state, race_date_nz)
values ($1, $2, $3, $4::int4, $5, $6, $7, $8, $9::int4, $10, $11,
    $12, $13, $14, $15, $16, $17, $18, $19, $20, $21::date)
on conflict (race_id) do update
set meeting_id = coalesce(excluded.meeting_id, r.meeting_id),
    name = coalesce(excluded.name, r.name), race_number = coalesce(excluded.race_number, r.race_number),
    start_time = excluded.start_time, status = excluded.status, phase = excluded.phase,
    actual_start = excluded.actual_start, distance = coalesce(excluded.distance, r.distance),
    track_condition = coalesce(excluded.track_condition, r.track_condition),
    weather = coalesce(excluded.weather, r.weather), type = excluded.type, protest = excluded.protest,
    last_status_change = excluded.last_status_change, finalized_at = excluded.finalized_at,
    abandoned_at = excluded.abandoned_at, polled_at = excluded.polled_at,
    meeting_name = excluded.meeting_name, meeting_country = excluded.meeting_country,
    meeting_state = excluded.meeting_state, race_date_nz = excluded.race_date_nz
where (r.meeting_id, r.name, r.race_number, r.start_time, r.status,
    r.phase, r.actual_start, r.distance, r.track_condition, r.weather, r.type, r.protest,
    r.last_status_change, r.finalized_at, r.abandoned_at, r.polled_at, r.meeting_name, r.meeting_country,
    r.meeting_state, r.race_date_nz) is distinct from
    (coalesce(excluded.meeting_id, r.meeting_id),
    coalesce(excluded.name, r.name), coalesce(excluded.race_number, r.race_number), excluded.start_time,
    excluded.status, excluded.phase, excluded.actual_start, coalesce(excluded.distance, r.distance),
    coalesce(excluded.track_condition, r.track_condition), coalesce(excluded.weather, r.weather),
    excluded.type, excluded.protest, excluded.last_status_change, excluded.finalized_at,
    excluded.abandoned_at, excluded.polled_at, excluded.meeting_name, excluded.meeting_country,
    excluded.meeting_state, excluded.race_date_nz);

-- To write the races of a list
insert into raceday.races as r (race_id, type, start_time, status, phase, meeting_id, name,
    race_number, distance, track_condition, weather, listed_at, listed_start_time, listed_status)
select u.race_id, u.type, u.start_time, u.status, u.phase,
    u.meeting_id, u.name, u.race_number::int4, u.distance::int4, u.track_condition, u.weather, $1, u.start_time, u.status
from unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    u (race_id, type, start_time, status, phase, meeting_id, name,
    race_number, distance, track_condition, weather)
on conflict (race_id) do update
set start_time = case when r.polled_at is null then excluded.start_time else r.start_time end,
    status = case when r.polled_at is null then excluded.status else r.status end,
    phase = case when r.polled_at is null then excluded.phase else r.phase end,
    meeting_id = case when r.polled_at is null then excluded.meeting_id else coalesce(r.meeting_id, excluded.meeting_id) end,
    name = case when r.polled_at is null then excluded.name else coalesce(r.name, excluded.name) end,
    race_number = case when r.polled_at is null then excluded.race_number else coalesce(r.race_number, excluded.race_number) end,
    distance = case when r.polled_at is null then excluded.distance else coalesce(r.distance, excluded.distance) end,
    track_condition = case when r.polled_at is null then excluded.track_condition else coalesce(r.track_condition, excluded.track_condition) end,
    weather = case when r.polled_at is null then excluded.weather else coalesce(r.weather, excluded.weather) end,
    listed_at = excluded.listed_at, listed_start_time = excluded.listed_start_time,
    listed_status = excluded.listed_status
where (r.listed_at is null or $2)
  and ((r.listed_start_time, r.listed_status) is distinct from
    (excluded.listed_start_time, excluded.listed_status)
    or r.polled_at is null and (r.meeting_id, r.name, r.race_number, r.distance,
    r.track_condition, r.weather) is distinct from
    (case when r.polled_at is null then excluded.meeting_id else coalesce(r.meeting_id, excluded.meeting_id) end,
    case when r.polled_at is null then excluded.name else coalesce(r.name, excluded.name) end,
    case when r.polled_at is null then excluded.race_number else coalesce(r.race_number, excluded.race_number) end,
    case when r.polled_at is null then excluded.distance else coalesce(r.distance, excluded.distance) end,
    case when r.polled_at is null then excluded.track_condition else coalesce(r.track_condition, excluded.track_condition) end,
    case when r.polled_at is null then excluded.weather else coalesce(r.weather, excluded.weather) end));

