//! `migrate` upgrades a database from the extension's first version to the current one.

use crate::server::Server;
use postgres::Client;

/// The functions of version 0.1.0.
const FIRST_VERSION: [&str; 7] = [
    "raceday_process",
    "raceday_process_pending",
    "raceday_rebuild",
    "raceday_rebuild_day",
    "raceday_replay",
    "raceday_time_interval",
    "raceday_transform",
];

/// A function of the extension: its signature, definition, owner and privileges.
type Function = (String, String, String, Option<String>);

fn functions(client: &mut Client) -> Vec<Function> {
    let sql = "select p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proowner::regrole::text, p.proacl::text
               from pg_depend d
               join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
               join pg_proc p on p.oid = d.objid and d.classid = 'pg_proc'::regclass
               where e.extname = 'pg_raceday_ext' and d.deptype = 'e'
               order by 1";
    client.query(sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// Removes from the extension what later versions added.
fn downgrade_to_first_version(client: &mut Client) {
    for (signature, ..) in functions(client) {
        let name = signature.split(['.', '(']).find(|part| part.starts_with("raceday_")).unwrap();
        if !FIRST_VERSION.contains(&name) {
            let sql = format!("alter extension pg_raceday_ext drop function {signature}; drop function {signature}");
            client.batch_execute(&sql).unwrap();
        }
    }
    let sql = "update pg_extension set extversion = '0.1.0' where extname = 'pg_raceday_ext'";
    assert_eq!(client.execute(sql, &[]).unwrap(), 1);
}

fn version(client: &mut Client) -> String {
    client.query_one("select extversion from pg_extension where extname = 'pg_raceday_ext'", &[]).unwrap().get(0)
}

#[test]
fn an_upgraded_extension_equals_a_newly_installed_one() {
    let server = Server::start(&["fresh", "upgraded"]);
    let (mut fresh, mut upgraded) = (server.connect("fresh"), server.connect("upgraded"));
    downgrade_to_first_version(&mut upgraded);
    assert_eq!(functions(&mut upgraded).len(), FIRST_VERSION.len());

    server.migrate("upgraded");

    assert_eq!(version(&mut upgraded), version(&mut fresh));
    assert_eq!(functions(&mut upgraded), functions(&mut fresh));
}
