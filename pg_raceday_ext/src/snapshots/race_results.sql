-- To write a race's results
insert into raceday.race_results as s (race_id, results_available, results_data, dividends_data,
    fixed_odds_data, result_status, protest_lodged, result_time)
values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6, $7, $8)
on conflict (race_id) do update
set results_available = excluded.results_available,
    results_data = excluded.results_data, dividends_data = excluded.dividends_data,
    fixed_odds_data = excluded.fixed_odds_data, result_status = excluded.result_status,
    protest_lodged = excluded.protest_lodged, result_time = excluded.result_time
where (s.results_available, s.results_data, s.dividends_data,
    s.fixed_odds_data, s.result_status, s.protest_lodged, s.result_time) is distinct from
    (excluded.results_available, excluded.results_data,
    excluded.dividends_data, excluded.fixed_odds_data, excluded.result_status, excluded.protest_lodged,
    excluded.result_time);

