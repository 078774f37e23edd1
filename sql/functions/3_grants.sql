-- The extension's functions that the fetcher calls; the rest are for DBAs.
grant execute on function
    raceday.raceday_ingest(text, text, timestamptz, text, bytea), raceday.raceday_stage(text, text, timestamptz, text, bytea),
    raceday.raceday_process(text), raceday.raceday_process_pending(int)
    to raceday_fetcher;
