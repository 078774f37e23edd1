//! `raceday_check` as its readers see it.

use std::sync::{Arc, Mutex, PoisonError};

use postgres::{Config, NoTls};
use raceday_tests::database::database;

#[test]
fn checking_many_races_in_one_transaction_prints_nothing() {
    let postgres = database();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let mut config: Config = postgres.url("postgres", "raceday").parse().unwrap();
    let seen = Arc::clone(&notices);
    config.notice_callback(move |notice| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(notice.message().to_owned());
    });
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute("do $$ begin raise notice 'heard'; end $$").unwrap();
    let sql = "select race.id, violation from unnest('{a,b,c}'::text[]) race (id), raceday.raceday_check(race.id)";
    assert!(client.query(sql, &[]).unwrap().is_empty());
    assert_eq!(*notices.lock().unwrap(), ["heard"]);
}
