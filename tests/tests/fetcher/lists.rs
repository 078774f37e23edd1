//! The schedule of the meetings lists, in database time.

use chrono::NaiveDate;
use postgres::Client;
use raceday_stack::Postgres;
use raceday_tests::database::database;

use crate::day::STANDING_CLOCK;

/// A database whose clock moves only when it is set.
struct Lists {
    client: Client,
    _postgres: Postgres,
}

impl Lists {
    fn at(moment: &str) -> Self {
        let postgres = database();
        let mut client = postgres.connect("raceday").unwrap();
        client.batch_execute(STANDING_CLOCK).unwrap();
        let mut lists = Self { client, _postgres: postgres };
        lists.set(moment);
        lists
    }

    fn set(&mut self, moment: &str) {
        self.client.batch_execute(&format!("set raceday.test_now = '{moment}'")).unwrap();
    }

    /// Advances the clock.
    fn pass(&mut self, seconds: u32) {
        let sql =
            "select set_config('raceday.test_now', (raceday.now() + make_interval(secs => $1::float8))::text, false)";
        self.client.execute(sql, &[&f64::from(seconds)]).unwrap();
    }

    fn claim(&mut self) -> Vec<String> {
        let rows = self.client.query("select raceday.raceday_claim_meetings('one') order by 1", &[]).unwrap();
        rows.iter().map(|row| row.get::<_, NaiveDate>(0).to_string()).collect()
    }

    fn done(&mut self, date: &str, ok: bool) {
        let date: NaiveDate = date.parse().unwrap();
        self.client.execute("select raceday.raceday_meetings_done($1, 'one', $2)", &[&date, &ok]).unwrap();
    }

    fn failures(&mut self) -> i32 {
        self.client.query_one("select failures from raceday.monitor_lists", &[]).unwrap().get(0)
    }

    fn overdue_s(&mut self) -> f64 {
        self.client.query_one("select overdue_s from raceday.monitor_lists", &[]).unwrap().get(0)
    }
}

#[test]
fn a_refused_list_is_retried_less_and_less_often() {
    // Noon in New Zealand.
    let mut lists = Lists::at("2025-11-23T23:00:00Z");
    let mut waits = Vec::new();
    for _ in 0..8 {
        let mut waited = 0;
        while lists.claim().is_empty() {
            lists.pass(1);
            waited += 1;
        }
        waits.push(waited);
        lists.done("2025-11-24", false);
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(lists.failures(), 8);
    lists.pass(30);
    assert_eq!(lists.claim(), ["2025-11-24"]);
    lists.done("2025-11-24", true);
    assert_eq!(lists.failures(), 0);
    lists.pass(299);
    assert!(lists.claim().is_empty(), "a successful list is due again after five minutes");
    lists.pass(1);
    assert_eq!(lists.claim(), ["2025-11-24"]);
    lists.done("2025-11-24", false);
    lists.pass(1);
    assert_eq!(lists.claim(), ["2025-11-24"], "the first failure after a success defers the list by one second");
    lists.pass(600);
    assert!((lists.overdue_s() - 601.0).abs() < 0.5, "{}", lists.overdue_s());
}

#[test]
fn around_midnight_the_lists_of_two_days_are_due() {
    // In New Zealand the 24th begins at 11:00 UTC on the 23rd.
    for (moment, dates) in [
        ("2025-11-23T08:59:00Z", &["2025-11-23"][..]),
        ("2025-11-23T09:01:00Z", &["2025-11-23", "2025-11-24"]),
        ("2025-11-23T11:01:00Z", &["2025-11-23", "2025-11-24"]),
        ("2025-11-23T14:59:00Z", &["2025-11-23", "2025-11-24"]),
        ("2025-11-23T15:01:00Z", &["2025-11-24"]),
    ] {
        assert_eq!(Lists::at(moment).claim(), dates, "{moment}");
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_defer_a_list() {
    let mut lists = Lists::at("2025-11-23T23:00:00Z");
    assert_eq!(lists.claim(), ["2025-11-24"]);
    lists.done("2025-11-24", true);
    lists.set("2025-11-23T20:00:00Z");
    assert_eq!(lists.claim(), ["2025-11-24"]);
}
