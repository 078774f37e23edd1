-- web_anon reads the views and calls the functions of schema api; nothing else, and no more than is there now.

do $$
declare
    v_object record;
begin
    for v_object in
        select c.oid::regclass as name
        from pg_catalog.pg_class c
        where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'
    loop
        execute format('alter view %s owner to raceday_owner', v_object.name);
        execute format('revoke all on %s from public, web_anon', v_object.name);
        execute format('grant select on %s to web_anon', v_object.name);
    end loop;

    for v_object in
        select p.oid::regprocedure as name
        from pg_catalog.pg_proc p
        where p.pronamespace = 'api'::regnamespace
    loop
        execute format('alter function %s owner to raceday_owner', v_object.name);
        execute format('revoke all on function %s from public', v_object.name);
        execute format('grant execute on function %s to web_anon', v_object.name);
    end loop;

    -- What they are made of is nobody's to call but their owner's. (What runs as its owner has been given the right one already, and an
    -- extension's functions are not ours.)
    for v_object in
        select p.oid::regprocedure as name
        from pg_catalog.pg_proc p
        where p.pronamespace = 'raceday'::regnamespace and p.proowner <> 'raceday_owner'::regrole and not p.prosecdef
          and not exists (
              select from pg_catalog.pg_depend d
              where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('alter function %s owner to raceday_owner', v_object.name);
        execute format('revoke all on function %s from public', v_object.name);
    end loop;
end
$$;

grant usage on schema api to web_anon;
