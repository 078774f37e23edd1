-- POST .../user-alert-configs/documents and PATCH .../documents/{document}: the only documents that clients write.

create or replace function raceday.appwrite_alert_problem(p_name text, p_value jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_type text := raceday.appwrite_collection('user-alert-configs') -> 'attributes' -> p_name ->> 0;
begin
    if v_type is null or p_name ~ '^\$' then
        return format('Unknown attribute: "%s"', left(p_name, 100));
    elsif p_name = 'percentageRangeMax' and jsonb_typeof(p_value) = 'null' then
        return null;
    elsif not raceday.appwrite_fits(v_type, p_value) then
        return format('Attribute "%s" has invalid type', p_name);
    elsif p_name = 'userId' and not raceday.valid_user_id(p_value #>> '{}') then
        return 'userId must be text of at most 200 characters';
    elsif p_name = 'indicatorType' and p_value <> '"percentage_range"' then
        return 'indicatorType must be percentage_range';
    elsif p_name = 'color' and p_value #>> '{}' !~ '^#[0-9A-Fa-f]{6}$' then
        return 'color must be #RRGGBB';
    elsif p_name in ('percentageRangeMin', 'percentageRangeMax') and p_value::numeric not between 0 and 100 then
        return p_name || ' must be a number from 0 to 100';
    elsif p_name = 'displayOrder' and not raceday.appwrite_whole_number(p_value, 1, 6) then
        return 'displayOrder must be a whole number from 1 to 6';
    end if;
    return null;
end
$$;
comment on function raceday.appwrite_alert_problem(text, jsonb) is 'What is wrong with an attribute of an alert; null if nothing is';

-- p_alert is what there is so far: a row, or for a new alert the defaults.
create or replace function raceday.appwrite_alert(p_alert raceday.user_alert_configs, p_data jsonb) returns raceday.user_alert_configs
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_alert raceday.user_alert_configs := p_alert;
    v_problem text := case
        when jsonb_typeof(p_data) is distinct from 'object' then 'data must be an object'
        else (
            select raceday.appwrite_alert_problem(d.key, d.value)
            from jsonb_each(p_data) d
            where raceday.appwrite_alert_problem(d.key, d.value) is not null
            limit 1)
    end;
begin
    if v_problem is null then
        v_alert.user_id := coalesce(p_data ->> 'userId', v_alert.user_id);
        v_alert.percentage_range_min := coalesce((p_data ->> 'percentageRangeMin')::numeric, v_alert.percentage_range_min);
        if p_data ? 'percentageRangeMax' then
            v_alert.percentage_range_max := (p_data ->> 'percentageRangeMax')::numeric;
        end if;
        v_alert.color := coalesce(upper(p_data ->> 'color'), v_alert.color);
        v_alert.is_default := coalesce((p_data ->> 'isDefault')::boolean, v_alert.is_default);
        v_alert.enabled := coalesce((p_data ->> 'enabled')::boolean, v_alert.enabled);
        v_alert.audible_alerts_enabled := coalesce((p_data ->> 'audibleAlertsEnabled')::boolean, v_alert.audible_alerts_enabled);
        v_alert.display_order := coalesce((p_data ->> 'displayOrder')::numeric, v_alert.display_order);
        v_alert.last_updated := coalesce(raceday.parse_instant(p_data ->> 'lastUpdated'), clock_timestamp());
        v_alert.client_created_at := coalesce(raceday.parse_instant(p_data ->> 'createdAt'), v_alert.client_created_at);
        v_problem := case
            when v_alert.user_id is null then 'Missing required attribute "userId"'
            when v_alert.percentage_range_min is null then 'Missing required attribute "percentageRangeMin"'
            when v_alert.color is null then 'Missing required attribute "color"'
            when v_alert.display_order is null then 'Missing required attribute "displayOrder"'
            when v_alert.percentage_range_max <= v_alert.percentage_range_min
                then 'percentageRangeMax must be null or above percentageRangeMin'
        end;
    end if;
    if v_problem is not null then
        perform raceday.appwrite_raise(400, 'document_invalid_structure', 'Invalid document structure: ' || v_problem);
    end if;
    return v_alert;
end
$$;
comment on function raceday.appwrite_alert(raceday.user_alert_configs, jsonb) is
    'An alert with the attributes that were sent; raises an error if it is not valid then';

create or replace function raceday.appwrite_create_alert(p_body jsonb) returns text
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert raceday.user_alert_configs;
    v_id text := p_body ->> 'documentId';
begin
    if jsonb_typeof(p_body -> 'documentId') is distinct from 'string' or v_id !~ '^([A-Za-z0-9][A-Za-z0-9._-]{0,35}|unique\(\))$' then
        perform raceday.appwrite_raise(400, 'document_invalid_structure',
            'documentId must be unique() or 1 to 36 letters, digits, dots, hyphens or underscores, and not begin with one of the latter three');
    elsif v_id = 'unique()' then
        v_id := substr(md5(gen_random_uuid()::text), 1, 20);
    end if;
    v_alert.indicator_type := 'percentage_range';
    v_alert.is_default := false;
    v_alert.enabled := true;
    v_alert.audible_alerts_enabled := true;
    v_alert := raceday.appwrite_alert(v_alert, p_body -> 'data');
    insert into raceday.user_alert_configs (indicator_id, user_id, indicator_type, percentage_range_min, percentage_range_max, color,
        is_default, enabled, display_order, audible_alerts_enabled, last_updated, client_created_at)
    values (v_id, v_alert.user_id, v_alert.indicator_type, v_alert.percentage_range_min, v_alert.percentage_range_max, v_alert.color,
        v_alert.is_default, v_alert.enabled, v_alert.display_order, v_alert.audible_alerts_enabled, v_alert.last_updated,
        v_alert.client_created_at);
    return v_id;
end
$$;
comment on function raceday.appwrite_create_alert(jsonb) is 'Creates an alert from the body of a POST and returns its id';

create or replace function raceday.appwrite_update_alert(p_document text, p_body jsonb) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert raceday.user_alert_configs;
begin
    select * into v_alert from raceday.user_alert_configs c where c.indicator_id = p_document for update;
    if not found then
        perform raceday.appwrite_raise(404, 'document_not_found', 'Document with the requested ID could not be found');
    end if;
    v_alert := raceday.appwrite_alert(v_alert, p_body -> 'data');
    update raceday.user_alert_configs c
    set user_id = v_alert.user_id, percentage_range_min = v_alert.percentage_range_min,
        percentage_range_max = v_alert.percentage_range_max, color = v_alert.color, is_default = v_alert.is_default,
        enabled = v_alert.enabled, display_order = v_alert.display_order, audible_alerts_enabled = v_alert.audible_alerts_enabled,
        last_updated = v_alert.last_updated, client_created_at = v_alert.client_created_at
    where c.indicator_id = p_document;
end
$$;
comment on function raceday.appwrite_update_alert(text, jsonb) is 'Changes an alert by the body of a PATCH';

create or replace function api.appwrite_write(text)
    returns json
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_request record := raceday.appwrite_open(true);
    v_method text := raceday.request_header('x-raceday-method');
    v_body jsonb := raceday.parse_body($1);
    v_document text := v_request.document;
begin
    if (v_method = 'POST' and v_document is null or v_method = 'PATCH' and v_document is not null) is not true then
        perform raceday.appwrite_raise(404, 'general_route_not_found', 'Route not found');
    elsif jsonb_typeof(v_body) is distinct from 'object' then
        perform raceday.appwrite_raise(400, 'document_invalid_structure', 'Invalid document structure: the body must be a JSON object');
    end if;
    begin
        if v_method = 'POST' then
            v_document := raceday.appwrite_create_alert(v_body);
        else
            perform raceday.appwrite_update_alert(v_document, v_body);
        end if;
    exception
        -- Its id is taken, or the user already has an alert in this place: of parallel calls, one succeeds.
        when unique_violation then
            perform raceday.appwrite_raise(409, 'document_already_exists', 'Document with the requested ID already exists');
    end;
    if v_method = 'POST' then
        perform set_config('response.status', '201', true);
    end if;
    return raceday.appwrite_get('user-alert-configs', v_document, '[]');
end
$$;
comment on function api.appwrite_write(text) is
    'POST and PATCH of alerts in Appwrite''s protocol; the method, the path and the key are request headers that nginx sets';
