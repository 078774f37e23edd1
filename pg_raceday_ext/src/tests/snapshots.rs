//! The statements that the descriptions produce, compared with the files that show them.

use crate::load;
use crate::plan::Statement;
use crate::responses;
use crate::tables::{
    entrants, meetings, money_flow_history, odds_history, race_pools, race_progress, race_results, races,
    signal_calibrations, signals,
};
use std::fmt::Write;
use std::path::Path;

/// Set to write the files instead of comparing them.
const UPDATE: &str = "RACEDAY_UPDATE_SNAPSHOTS";

/// The statements that the descriptions of tables and responses produce, each with its purpose.
fn statements() -> Vec<(&'static str, Vec<(&'static str, Statement)>)> {
    vec![
        (
            "meetings",
            vec![
                ("add a meeting", meetings::add_statement()),
                ("settle meetings", meetings::settle_statement()),
                ("write the meetings of a list", meetings::write_listed_statement()),
            ],
        ),
        (
            "races",
            vec![
                ("load a race", load::load_statement()),
                ("write a race", races::write_statement()),
                ("write the races of a list", races::write_listed_statement()),
            ],
        ),
        (
            "entrants",
            vec![("load a race's runners", entrants::load_statement()), ("write runners", entrants::write_statement())],
        ),
        ("race_pools", vec![("write a race's pools", race_pools::write_statement())]),
        ("race_results", vec![("write a race's results", race_results::write_statement())]),
        (
            "race_progress",
            vec![
                ("load a race's newest poll", race_progress::load_newest_statement()),
                ("write a race's progress", race_progress::write_statement()),
            ],
        ),
        (
            "money_flow_history",
            vec![
                ("append a poll's money flow", money_flow_history::TABLE.append_statement()),
                ("load a race's money flow of a span", money_flow_history::TABLE.load_statement()),
                ("delete some of a race's money flow", money_flow_history::TABLE.delete_statement()),
            ],
        ),
        (
            "odds_history",
            vec![
                ("append a poll's changed odds", odds_history::TABLE.append_statement()),
                ("load a race's odds of a span", odds_history::TABLE.load_statement()),
                ("delete some of a race's odds", odds_history::TABLE.delete_statement()),
            ],
        ),
        ("signals", vec![("write a poll's signals", signals::write_statement())]),
        (
            "signal_calibrations",
            vec![
                ("load the calibrations since a moment", signal_calibrations::load_statement()),
                ("write a calibration", signal_calibrations::write_statement()),
            ],
        ),
        (
            "responses",
            vec![
                ("read a page of the timeline", responses::timeline::rows_statement()),
                ("read the odds of a race's runners", responses::entrants::odds_statement()),
                ("read the money of a race's runners", responses::entrants::money_statement()),
            ],
        ),
    ]
}

#[test]
fn the_statements_are_those_in_the_snapshots() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshots");
    for (table, statements) in statements() {
        let mut found = String::new();
        for (name, statement) in statements {
            let _ = writeln!(found, "-- To {name}\n{};\n", statement.sql);
        }
        let file = folder.join(table).with_extension("sql");
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&file, &found).expect("the file can be written");
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            found,
            expected,
            "{} differs from what is produced: to update it, run `{UPDATE}=1 cargo xtask test --only pg`",
            file.display()
        );
    }
}
