-- Functions of earlier versions that nothing calls any more.

drop function if exists
    raceday.poll_due_at(timestamptz, timestamptz, timestamptz),
    raceday.raceday_stage_spooled(text, text, timestamptz, text, bytea),
    raceday.refuse(int, text, json),
    raceday.found(json, text),
    raceday.cacheable(json),
    raceday.version_answer(text, json, text),
    raceday.asked(text, text[]),
    raceday.asked_query(text),
    raceday.nav_body(raceday.races),
    raceday.meeting_body(raceday.meetings),
    raceday.timeline_refusal(text),
    raceday.make_missing_alerts(text);
