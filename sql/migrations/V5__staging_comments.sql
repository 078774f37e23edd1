-- What staging is since payloads are handed to raceday_ingest.
comment on column raceday.staged_payloads.payload_id is
    'Negative when raceday_ingest or raceday_stage staged it: made of the body, so that none is staged twice; positive after a plain INSERT';
comment on function raceday.queue_staged_payload() is 'Trigger: a payload staged as pending, by anyone in any way, is queued for processing';
