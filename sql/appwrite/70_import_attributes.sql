-- Import from a backend that speaks Appwrite's protocol: documents in one form, so that theirs and ours can be compared. See 72_import.sql.

create or replace function raceday.import_value(p_type text, p_name text, p_value jsonb) returns jsonb
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    -- A related document, or its id.
    v_value jsonb := case
        when p_name in ('meeting', 'race') and jsonb_typeof(p_value) = 'object' then p_value -> '$id' else p_value end;
    v_text text := v_value #>> '{}';
begin
    if v_text is null then
        return null;
    elsif not raceday.appwrite_fits(case p_type when 'meeting' then 'text' else p_type end, v_value)
        or p_type = 'integer' and v_value::numeric <> trunc(v_value::numeric) then
        raise data_exception using message = format('%s is not of type %s', p_name, p_type);
    elsif p_type = 'instant' then
        return to_jsonb(to_char(raceday.parse_instant(v_text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'));
    elsif p_type = 'day' then
        return to_jsonb(to_char(raceday.parse_instant(v_text), 'YYYY-MM-DD'));
    elsif p_name in ('resultsData', 'dividendsData', 'fixedOddsData') then
        if not pg_input_is_valid(v_text, 'jsonb') then
            raise data_exception using message = format('%s is not JSON', p_name);
        end if;
        return to_jsonb(v_text::jsonb::text);
    end if;
    return v_value;
end
$$;
comment on function raceday.import_value(text, text, jsonb) is 'An attribute in one form, so that equal ones are equal; raises an error if it has another type';

create or replace function raceday.import_word(p_collection text, p_name text, p_value jsonb) returns jsonb
    language sql immutable parallel safe
    return case p_collection || ' ' || p_name
        when 'meetings raceType' then case
            when p_value #>> '{}' in ('Thoroughbred Horse Racing', 'Harness Horse Racing') then p_value end
        when 'races status' then case lower(p_value #>> '{}')
            when 'finalized' then '"Final"' else to_jsonb(initcap(p_value #>> '{}')) end
        when 'races type' then case when left(p_value #>> '{}', 1) in ('T', 'H') then to_jsonb(left(p_value #>> '{}', 1)) end
        -- Clients ignore other values.
        when 'race-results resultStatus' then case when p_value #>> '{}' in ('interim', 'final', 'protest') then p_value end
        when 'money-flow-history type' then case when p_value = '"bucketed_aggregation"' then p_value end
        when 'user-alert-configs color' then to_jsonb(upper(p_value #>> '{}'))
        -- 0 may be an unknown total.
        else case when p_collection = 'race-pools' and p_value = '0' then null else p_value end
    end;
comment on function raceday.import_word(text, text, jsonb) is 'A value as Raceday has it; null if it has no such value';

create or replace function raceday.import_required(p_collection text) returns text[]
    language sql immutable parallel safe
    return '{$id,$createdAt,$updatedAt}'::text[] || case p_collection
        when 'meetings' then '{meetingId,raceType,date}'::text[]
        when 'races' then '{raceId,status,startTime,type}'
        when 'entrants' then '{raceId,entrantId}'
        when 'race-pools' then '{raceId}'
        when 'race-results' then '{raceId,resultsAvailable}'
        when 'money-flow-history' then
            '{raceId,entrantId,type,timeToStart,timeInterval,intervalType,eventTimestamp,pollingTimestamp}'
        else '{userId,percentageRangeMin,color,displayOrder}'
    end;
comment on function raceday.import_required(text) is 'The attributes that a document of a collection must have';

create or replace function raceday.import_attributes(p_collection text, p_attributes jsonb, p_document jsonb) returns jsonb
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_attribute record;
    v_value jsonb;
    v_result jsonb := '{}';
    v_missing text;
begin
    if jsonb_typeof(p_document) is distinct from 'object' then
        raise data_exception using message = 'it is not an object';
    end if;
    for v_attribute in select a.key as name, a.value ->> 0 as type from jsonb_each(p_attributes) a loop
        v_value := raceday.import_word(p_collection, v_attribute.name,
            raceday.import_value(v_attribute.type, v_attribute.name, p_document -> v_attribute.name));
        if v_value is not null then
            v_result := v_result || jsonb_build_object(v_attribute.name, v_value);
        end if;
    end loop;
    select r into v_missing from unnest(raceday.import_required(p_collection)) r where not v_result ? r limit 1;
    if v_missing is not null then
        raise data_exception using message = case
            when jsonb_typeof(p_document -> v_missing) is distinct from 'null' and p_document ? v_missing
                then format('its %s has no place here', v_missing)
            else format('it has no %s', v_missing) end;
    end if;
    return v_result;
end
$$;
comment on function raceday.import_attributes(text, jsonb, jsonb) is
    'What is known of a document, in one form; raises an error if an attribute has another type or is missing';

-- $1 is a document as import_attributes returns it.
create or replace function raceday.import_key(p_collection text) returns text
    language sql immutable parallel safe
    return case p_collection
        when 'meetings' then 'd.meeting_id = $1 ->> ''meetingId'''
        when 'entrants' then 'd.race_id = $1 ->> ''raceId'' and d.entrant_id = $1 ->> ''entrantId'''
        when 'race-pools' then 'd.race_id = $1 ->> ''raceId'' and p.race_id is not null'
        when 'money-flow-history' then format('d.race_id = $1 ->> ''raceId'' and d.entrant_id = $1 ->> ''entrantId'' and %s and %s',
            raceday.appwrite_instant_condition('equal', 'd.event_timestamp', '($1 ->> ''eventTimestamp'')::timestamptz'),
            raceday.appwrite_instant_condition('equal', 'd.polling_timestamp', '($1 ->> ''pollingTimestamp'')::timestamptz'))
        when 'user-alert-configs' then '(d.indicator_id = $1 ->> ''$id'' or d.user_id = $1 ->> ''userId''
            and d.display_order = ($1 ->> ''displayOrder'')::numeric) order by d.indicator_id = $1 ->> ''$id'' desc'
        else 'd.race_id = $1 ->> ''raceId'''
    end;
comment on function raceday.import_key(text) is 'The condition that a row is that of a document; an alert is also that of its user and place';

create or replace function raceday.import_difference(p_collection text, p_theirs jsonb, p_ours jsonb) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select string_agg(n.name, ', ' order by n.name)
    from jsonb_object_keys(
        -- What is not known there is no difference, except that an alert may have no upper end.
        case when p_collection = 'user-alert-configs' and p_ours ? 'percentageRangeMax'
            then '{"percentageRangeMax": null}'::jsonb || p_theirs else p_theirs end) n (name)
    where n.name !~ '^\$' and p_theirs -> n.name is distinct from p_ours -> n.name
$$;
comment on function raceday.import_difference(text, jsonb, jsonb) is 'The names of the attributes that differ from ours; null if none does';
