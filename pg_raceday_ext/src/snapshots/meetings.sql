-- To write a meeting
insert into raceday.meetings as m (meeting_id, meeting_name, country, state, race_type, date)
values ($1, $3, $4, $5, $6,
    coalesce($7::date, ($2 at time zone 'Pacific/Auckland')::date))
on conflict (meeting_id) do update
set meeting_name = coalesce(excluded.meeting_name, m.meeting_name),
    country = coalesce(excluded.country, m.country), state = coalesce(excluded.state, m.state),
    race_type = excluded.race_type, date = coalesce($7::date, m.date)
where m.listed_at is null
  and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
    (coalesce(excluded.meeting_name, m.meeting_name),
    coalesce(excluded.country, m.country), coalesce(excluded.state, m.state), excluded.race_type,
    coalesce($7::date, m.date));

-- To write the meetings of a list
insert into raceday.meetings as m (meeting_id, meeting_name, country, state, race_type, date,
    track_condition, weather, tote_status, listed_at)
select u.meeting_id, u.meeting_name, u.country, u.state,
    u.race_type, u.date::date, u.track_condition, u.weather, u.tote_status, $1
from unnest($3, $4, $5, $6, $7, $8, $9, $10, $11)
    u (meeting_id, meeting_name, country, state, race_type, date,
    track_condition, weather, tote_status)
on conflict (meeting_id) do update
set meeting_name = excluded.meeting_name,
    country = excluded.country, state = excluded.state, race_type = excluded.race_type,
    date = excluded.date, track_condition = coalesce(excluded.track_condition, m.track_condition),
    weather = coalesce(excluded.weather, m.weather), tote_status = excluded.tote_status, listed_at = excluded.listed_at
where (m.listed_at is null or $2)
  and (m.listed_at is null or (m.meeting_name, m.country, m.state, m.race_type, m.date,
    m.track_condition, m.weather, m.tote_status) is distinct from
    (excluded.meeting_name, excluded.country, excluded.state,
    excluded.race_type, excluded.date, coalesce(excluded.track_condition, m.track_condition),
    coalesce(excluded.weather, m.weather), excluded.tote_status));

