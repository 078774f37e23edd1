-- To add a meeting
insert into raceday.meetings (meeting_id, meeting_name, country, state, race_type, date)
values ($1, $3, $4, $5, $6,
    coalesce($7::date, ($2 at time zone 'Pacific/Auckland')::date))
on conflict (meeting_id) do nothing;

-- To settle meetings
update raceday.meetings m
     set status = s.status, meeting_name = case when m.listed_at is null then s.meeting_name else m.meeting_name end,
         country = case when m.listed_at is null then s.country else m.country end,
         state = case when m.listed_at is null then s.state else m.state end,
         race_type = case when m.listed_at is null then s.race_type else m.race_type end,
         date = case when m.listed_at is null then s.date else m.date end
     from (
         select n.meeting_id,
             case when bool_and(r.phase = 'abandoned') then 'cancelled'
                  when bool_and(r.phase in ('finished', 'abandoned')) then 'completed'
                  else 'active' end as status,
             (array_agg(r.meeting_name order by r.race_number, r.race_id) filter (where r.meeting_name is not null))[1]
                 as meeting_name,
             (array_agg(r.meeting_country order by r.race_number, r.race_id) filter (where r.meeting_country is not null))[1]
                 as country,
             (array_agg(r.meeting_state order by r.race_number, r.race_id) filter (where r.meeting_state is not null))[1]
                 as state,
             coalesce((array_agg(case r.type when 'H' then 'harness' else 'thoroughbred' end order by r.race_number, r.race_id)
                 filter (where r.race_id is not null))[1], n.race_type) as race_type,
             coalesce(min(r.race_date_nz), min((r.start_time at time zone 'Pacific/Auckland')::date), n.date) as date
         from raceday.meetings n left join raceday.races r on r.meeting_id = n.meeting_id
         where n.meeting_id = any ($1)
         group by n.meeting_id
     ) s
     where m.meeting_id = s.meeting_id
       and (m.status <> s.status
            or m.listed_at is null and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
                (s.meeting_name, s.country, s.state, s.race_type, s.date));

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

