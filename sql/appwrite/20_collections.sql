-- The documents that clients of Appwrite's protocol see: every collection and attribute, and the SQL behind it. Statements are built from
-- the texts in this file and in 40_statements.sql; what a client sends is looked up in the names here, or is a parameter.
--
-- from: tables; d is the document. key: the condition that $1 is its $id. inserted: the order of insertion, as types and expressions.
-- attributes: type and expression. An integer is compared as double precision, which takes a third of the time of numeric; a day is a date;
-- a meeting is the related document, and is compared by its $id.

create or replace function raceday.appwrite_collection(p_name text) returns jsonb
    language sql immutable parallel safe
    return case p_name
        when 'meetings' then '{
            "from": "raceday.meetings d",
            "key": "d.meeting_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.meeting_id"]],
            "attributes": {
                "$id": ["text", "d.meeting_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.updated_at"],
                "meetingId": ["text", "d.meeting_id"],
                "meetingName": ["text", "d.meeting_name"],
                "country": ["text", "d.country"],
                "raceType": ["text", "case d.race_type when ''thoroughbred'' then ''Thoroughbred Horse Racing'' else ''Harness Horse Racing'' end"],
                "category": ["text", "d.category"],
                "date": ["day", "d.date"],
                "weather": ["text", "coalesce(d.weather, (select r.weather from raceday.race_conditions(d.meeting_id) r))"],
                "trackCondition": ["text", "coalesce(d.track_condition, (select r.track_condition from raceday.race_conditions(d.meeting_id) r))"]
            }
        }'::jsonb
        when 'races' then '{
            "from": "raceday.races d left join raceday.meetings m on m.meeting_id = d.meeting_id",
            "key": "d.race_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]],
            "attributes": {
                "$id": ["text", "d.race_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.updated_at"],
                "raceId": ["text", "d.race_id"],
                "name": ["text", "d.name"],
                "status": ["text", "d.status"],
                "raceNumber": ["integer", "d.race_number"],
                "distance": ["integer", "d.distance"],
                "startTime": ["instant", "d.start_time"],
                "actualStart": ["instant", "d.actual_start"],
                "trackCondition": ["text", "coalesce(d.track_condition, m.track_condition)"],
                "weather": ["text", "coalesce(d.weather, m.weather)"],
                "type": ["text", "d.type"],
                "meeting": ["meeting", "d.meeting_id"]
            }
        }'::jsonb
        when 'entrants' then '{
            "from": "raceday.entrants d",
            "key": "d.entrant_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.race_id"], ["text", "d.entrant_id"]],
            "attributes": {
                "$id": ["text", "d.entrant_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.updated_at"],
                "entrantId": ["text", "d.entrant_id"],
                "raceId": ["text", "d.race_id"],
                "name": ["text", "d.name"],
                "jockey": ["text", "d.jockey"],
                "trainerName": ["text", "d.trainer_name"],
                "silkColours": ["text", "d.silk_colours"],
                "silkUrl64": ["text", "d.silk_url_64"],
                "silkUrl128": ["text", "d.silk_url_128"],
                "runnerNumber": ["integer", "d.runner_number"],
                "isScratched": ["boolean", "d.is_scratched"],
                "fixedWinOdds": ["number", "d.win_odds"],
                "poolWinOdds": ["number", "d.pool_win_odds"],
                "fixedPlaceOdds": ["number", "d.place_odds"],
                "poolPlaceOdds": ["number", "d.pool_place_odds"]
            }
        }'::jsonb
        -- A race's rows are written by one call at a time, so the order of their ids is that of insertion.
        when 'money-flow-history' then '{
            "from": "raceday.money_flow_history d",
            "key": "d.id = case when $1 ~ ''^[1-9][0-9]{0,17}$'' then $1::bigint end",
            "inserted": [["integer", "d.id"]],
            "attributes": {
                "$id": ["text", "d.id::text"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.created_at"],
                "raceId": ["text", "d.race_id"],
                "entrantId": ["text", "d.entrant_id"],
                "type": ["text", "d.type"],
                "intervalType": ["text", "d.interval_type"],
                "timeInterval": ["integer", "d.time_interval"],
                "timeToStart": ["integer", "d.time_to_start"],
                "holdPercentage": ["number", "d.hold_percentage"],
                "incrementalWinAmount": ["integer", "d.incremental_win_amount"],
                "incrementalPlaceAmount": ["integer", "d.incremental_place_amount"],
                "winPoolAmount": ["integer", "d.win_pool_amount"],
                "placePoolAmount": ["integer", "d.place_pool_amount"],
                "winPoolPercentage": ["number", "d.win_pool_percentage"],
                "placePoolPercentage": ["number", "d.place_pool_percentage"],
                "fixedWinOdds": ["number", "d.fixed_win_odds"],
                "fixedPlaceOdds": ["number", "d.fixed_place_odds"],
                "poolWinOdds": ["number", "d.pool_win_odds"],
                "poolPlaceOdds": ["number", "d.pool_place_odds"],
                "eventTimestamp": ["instant", "d.event_timestamp"],
                "pollingTimestamp": ["instant", "d.polling_timestamp"]
            }
        }'::jsonb
        -- Every race has its pools: where there is no document, the client invents some.
        when 'race-pools' then '{
            "from": "raceday.races d left join raceday.race_pools p on p.race_id = d.race_id",
            "key": "d.race_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]],
            "attributes": {
                "$id": ["text", "d.race_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "coalesce(p.last_updated, d.created_at)"],
                "raceId": ["text", "d.race_id"],
                "winPoolTotal": ["integer", "coalesce((p.win_pool_total * 100)::bigint, 0)"],
                "placePoolTotal": ["integer", "coalesce((p.place_pool_total * 100)::bigint, 0)"],
                "quinellaPoolTotal": ["integer", "coalesce((p.quinella_pool_total * 100)::bigint, 0)"],
                "trifectaPoolTotal": ["integer", "coalesce((p.trifecta_pool_total * 100)::bigint, 0)"],
                "exactaPoolTotal": ["integer", "coalesce((p.exacta_pool_total * 100)::bigint, 0)"],
                "first4PoolTotal": ["integer", "coalesce((p.first4_pool_total * 100)::bigint, 0)"],
                "totalRacePool": ["integer", "coalesce((p.total_race_pool * 100)::bigint, 0)"],
                "currency": ["text", "coalesce(p.currency, ''$'')"]
            }
        }'::jsonb
        when 'race-results' then '{
            "from": "raceday.race_results d",
            "key": "d.race_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]],
            "attributes": {
                "$id": ["text", "d.race_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.updated_at"],
                "raceId": ["text", "d.race_id"],
                "race": ["text", "d.race_id"],
                "resultsAvailable": ["boolean", "d.results_available"],
                "photoFinish": ["boolean", "d.photo_finish"],
                "stewardsInquiry": ["boolean", "d.stewards_inquiry"],
                "protestLodged": ["boolean", "d.protest_lodged"],
                "resultsData": ["text", "d.results_data::text"],
                "dividendsData": ["text", "d.dividends_data::text"],
                "fixedOddsData": ["text", "d.fixed_odds_data::text"],
                "resultStatus": ["text", "d.result_status"],
                "resultTime": ["instant", "d.result_time"]
            }
        }'::jsonb
        when 'user-alert-configs' then '{
            "from": "raceday.user_alert_configs d",
            "key": "d.indicator_id = $1",
            "inserted": [["instant", "d.created_at"], ["text", "d.indicator_id"]],
            "attributes": {
                "$id": ["text", "d.indicator_id"],
                "$createdAt": ["instant", "d.created_at"],
                "$updatedAt": ["instant", "d.updated_at"],
                "userId": ["text", "d.user_id"],
                "indicatorType": ["text", "d.indicator_type"],
                "color": ["text", "d.color"],
                "percentageRangeMin": ["number", "d.percentage_range_min"],
                "percentageRangeMax": ["number", "d.percentage_range_max"],
                "isDefault": ["boolean", "d.is_default"],
                "enabled": ["boolean", "d.enabled"],
                "audibleAlertsEnabled": ["boolean", "d.audible_alerts_enabled"],
                "displayOrder": ["integer", "d.display_order"],
                "lastUpdated": ["instant", "d.last_updated"],
                "createdAt": ["instant", "coalesce(d.client_created_at, d.created_at)"]
            }
        }'::jsonb
    end;
comment on function raceday.appwrite_collection(text) is 'A collection of documents as SQL; null if there is none of this name';
