-- Import from a backend that speaks Appwrite's protocol: what becomes of a page of documents, and how far an import has come.
-- `raceday-fetcher import-appwrite` reads the pages and calls this as role raceday_importer.
--
-- What is here stays as it is, with one exception: an alert that was changed later over there. Races are imported only once they are over
-- and if they are not here: Raceday polls the others itself, and two backends' polls of one race do not add up.

create or replace function raceday.import_problem(p_collection text, p jsonb, p_accepted text[], p_dry_run boolean) returns text
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := p ->> 'raceId';
    v_is_imported boolean;
begin
    if p_collection = 'races' then
        return case
            when p ->> 'status' not in ('Final', 'Abandoned') then 'it is not over: Raceday polls it itself'
            when p ? 'meeting' and p ->> 'meeting' <> all (p_accepted)
                and not exists (select from raceday.meetings m where m.meeting_id = p ->> 'meeting')
                then 'its meeting was not imported' end;
    elsif p_collection in ('meetings', 'user-alert-configs') then
        return null;
    end if;
    v_is_imported := exists (select from raceday.imported_races i where i.race_id = v_race_id);
    return case
        when not v_is_imported and v_race_id <> all (p_accepted) then case
            when exists (select from raceday.races r where r.race_id = v_race_id) then 'Raceday has its race from the TAB'
            else 'its race was not imported' end
        when p_collection = 'money-flow-history' and v_is_imported and not p_dry_run and not exists (
            select from raceday.entrants e where e.race_id = v_race_id and e.entrant_id = p ->> 'entrantId')
            then 'its runner was not imported' end;
end
$$;
comment on function raceday.import_problem(text, jsonb, text[], boolean) is 'Why a document that is not here may not be imported; null if it may';

create or replace function raceday.import_alert(p jsonb, p_ours jsonb, p_dry_run boolean) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_data jsonb := '{"percentageRangeMax": null}'::jsonb || p - '{$id,$createdAt,$updatedAt}'::text[];
    -- Validates it as if its client had sent it.
    v_alert jsonb := jsonb_strip_nulls(to_jsonb(raceday.appwrite_alert(null, v_data)));
begin
    if p_ours is null then
        perform raceday.import_insert('raceday.user_alert_configs', v_alert || jsonb_build_object(
            'indicator_id', p -> '$id', 'created_at', p -> '$createdAt', 'updated_at', p -> '$updatedAt'), p_dry_run);
    elsif not p_dry_run then
        perform raceday.appwrite_update_alert(p_ours ->> '$id', jsonb_build_object('data', v_data));
    end if;
end
$$;
comment on function raceday.import_alert(jsonb, jsonb, boolean) is 'Creates an alert, or changes ours';

create or replace function raceday.import_new(p_collection text, p jsonb, p_document jsonb, p_dry_run boolean) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_collection = 'user-alert-configs' then
        perform raceday.import_alert(p, null, p_dry_run);
        return;
    end if;
    perform raceday.import_insert(
        ('raceday.' || replace(p_collection, '-', '_'))::regclass,
        raceday.import_row(p_collection, p) || raceday.import_more(p_collection, p, p_document), p_dry_run);
    if p_collection = 'races' and not p_dry_run then
        insert into raceday.imported_races (race_id) values (p ->> 'raceId');
    end if;
end
$$;
comment on function raceday.import_new(text, jsonb, jsonb, boolean) is 'Imports a document that is not here';

create or replace function raceday.import_known(
    p_collection text, p_theirs jsonb, p_ours jsonb, p_dry_run boolean, out outcome text, out reason text)
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    reason := 'differs from ours in ' || raceday.import_difference(p_collection, p_theirs, p_ours);
    outcome := case
        when reason is null then 'equal'
        when p_collection = 'user-alert-configs' and p_theirs ->> 'lastUpdated' > p_ours ->> 'lastUpdated' then 'replaced'
        else 'different' end;
    if outcome = 'replaced' then
        perform raceday.import_alert(p_theirs, p_ours, p_dry_run);
    end if;
end
$$;
comment on function raceday.import_known(text, jsonb, jsonb, boolean) is 'Compares a document with ours, and replaces an older alert';

create or replace function raceday.raceday_import_documents(p_collection text, p_documents jsonb, p_accepted text[], p_dry_run boolean)
    returns table (document_id text, outcome text, reason text)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_collection jsonb := raceday.appwrite_collection(p_collection);
    v_known text := format('select %s from %s where %s limit 1', raceday.appwrite_selected_document(p_collection, '[]'),
        v_collection ->> 'from', raceday.import_key(p_collection));
    v_document jsonb;
    v_theirs jsonb;
    v_ours jsonb;
    v_day text;
    v_days text[] := '{}';
begin
    for v_document in select d from jsonb_array_elements(p_documents) d loop
        document_id := left(v_document ->> '$id', 100);
        begin
            v_theirs := raceday.import_attributes(p_collection, v_collection -> 'attributes', v_document);
            execute v_known into v_ours using v_theirs;
            reason := raceday.import_problem(p_collection, v_theirs, p_accepted, p_dry_run);
            v_day := left(v_theirs ->> 'eventTimestamp', 10);
            if v_ours is not null then
                v_ours := raceday.import_attributes(p_collection, v_collection -> 'attributes', v_ours);
                select k.outcome, k.reason into outcome, reason
                from raceday.import_known(p_collection, v_theirs, v_ours, p_dry_run) k;
            elsif p_collection = 'race-pools' and v_theirs - '{raceId,currency,$id,$createdAt,$updatedAt}'::text[] = '{}' then
                -- No total is known there, and none here.
                outcome := 'equal';
                reason := null;
            elsif reason is not null then
                outcome := 'refused';
            else
                outcome := 'new';
                if v_day is not null and v_day <> all (v_days) then
                    perform raceday.import_partition((v_theirs ->> 'eventTimestamp')::timestamptz, p_dry_run);
                end if;
                perform raceday.import_new(p_collection, v_theirs, v_document, p_dry_run);
                v_days := v_days || v_day;
            end if;
        exception
            when data_exception or integrity_constraint_violation then
                outcome := 'refused';
                reason := sqlerrm;
            when sqlstate 'PGRST' then
                outcome := 'refused';
                reason := sqlerrm::jsonb ->> 'message';
        end;
        return next;
    end loop;
    if p_collection = 'money-flow-history' and not p_dry_run then
        perform raceday.import_progress(i.race_id)
        from raceday.imported_races i
        where i.race_id in (select d ->> 'raceId' from jsonb_array_elements(p_documents) d);
    end if;
end
$$;
comment on function raceday.raceday_import_documents(text, jsonb, text[], boolean) is
    'Imports a page of documents: new, equal, different (ours stays), replaced or refused, and why. p_accepted: meetings or races that a dry run would have imported';

create or replace function raceday.raceday_imported_races() returns setof text
    language sql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select i.race_id from raceday.imported_races i order by i.race_id collate "C"
$$;
comment on function raceday.raceday_imported_races() is 'The races whose money flow is to be imported';

create or replace function raceday.raceday_import_begin(p_source text)
    returns table (collection text, race_id text, after_id text, report jsonb)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    -- Until the session ends.
    if not pg_try_advisory_lock(hashtextextended('raceday import', 0)) then
        raise object_in_use using message = 'another import is running', hint = 'Repeat the command once it has ended.';
    end if;
    return query select u.collection, u.race_id, u.after_id, u.report from raceday.unfinished_imports u where u.source = p_source;
end
$$;
comment on function raceday.raceday_import_begin(text) is 'Begins an import, or continues the unfinished one of this source, which it returns';

create or replace function raceday.raceday_import_note(p_source text, p_collection text, p_race_id text, p_after_id text, p_report jsonb)
    returns void
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    delete from raceday.unfinished_imports u where u.source = p_source;
    if p_collection is not null then
        insert into raceday.unfinished_imports (source, collection, race_id, after_id, report)
        values (p_source, p_collection, p_race_id, p_after_id, p_report);
    end if;
end
$$;
comment on function raceday.raceday_import_note(text, text, text, text, jsonb) is 'Notes how far an import has come, or with null as collection, that it is complete';
