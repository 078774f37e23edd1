-- The extension, brought to the version that is installed on the server, and its functions' owner.
--
-- They write tables that their callers may not touch, as the tables' owner and not as the superuser who made the extension. A dump does not
-- keep the owner of an extension's functions, and an update may bring new ones: so this is said again by every `migrate`.

alter extension pg_raceday_ext update;

do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_depend d
        join pg_catalog.pg_extension e on e.oid = d.refobjid
        join pg_catalog.pg_proc p on p.oid = d.objid
        where e.extname = 'pg_raceday_ext'
          and d.classid = 'pg_catalog.pg_proc'::regclass
          and d.refclassid = 'pg_catalog.pg_extension'::regclass
          and d.deptype = 'e'
          and p.proowner <> 'raceday_owner'::regrole
    loop
        execute format('alter function %s owner to raceday_owner', v_function);
        execute format('revoke all on function %s from public', v_function);
    end loop;
end
$$;
