-- The extension's functions that the fetcher calls; the rest are for DBAs.
grant execute on function raceday.raceday_process(text), raceday.raceday_process_pending(int) to raceday_fetcher;
