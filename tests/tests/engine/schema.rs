//! `sql/schema.sql`, the committed dump of the schema, matches what `migrate` creates.

use std::process::Command;

use raceday_stack::Postgres;
use raceday_tests::database::database;
use raceday_tests::repository;

const DUMP: &str = "sql/schema.sql";

/// Set to regenerate the dump instead of comparing it.
const UPDATE: &str = "UPDATE_SCHEMA";

const HEADER: &str = "\
-- The schema that sql/migrations, sql/functions, sql/api and sql/appwrite create, as pg_dump writes it. For reading, not for restoring:
-- owners, the daily partitions and the extension's functions are left out.
-- Generated. After a change of the SQL: UPDATE_SCHEMA=1 cargo test --package raceday-tests the_committed_schema
";

#[test]
fn the_committed_schema_is_what_migrate_creates() {
    let found = format!("{HEADER}\n{}", normalised(&dump(&database())));

    let path = repository::path(DUMP);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(difference) = first_difference(&committed, &found) {
        panic!(
            "{DUMP} is not what migrate creates; to regenerate it, run\n    \
             {UPDATE}=1 cargo test --package raceday-tests the_committed_schema\n{difference}"
        );
    }
}

fn dump(postgres: &Postgres) -> String {
    let mut command = Command::new(postgres.prefix().program("pg_dump"));
    command.args(["--schema-only", "--no-owner", "--schema=raceday", "--schema=api", "--schema=analysis"]);
    command.args(["--dbname", &postgres.url("postgres", "raceday")]);
    // Which partitions there are depends on the day; schema_history is the migration library's.
    command.args(["--exclude-table=raceday.*_p2*", "--exclude-table=raceday.schema_history"]);
    if let Some(folder) = postgres.prefix().ld_library_path() {
        command.env("LD_LIBRARY_PATH", folder);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The dump without pg_dump's headings, its session settings, versions and random keys, and repeated empty lines.
fn normalised(dump: &str) -> String {
    let noise = ["--", "SET ", "SELECT pg_catalog.set_config(", "\\restrict ", "\\unrestrict "];
    let mut lines: Vec<&str> = Vec::new();
    for line in dump.lines().filter(|line| !noise.iter().any(|start| line.starts_with(start))) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    format!("{}\n", lines.join("\n").trim_end())
}

fn first_difference(committed: &str, found: &str) -> Option<String> {
    if committed == found {
        return None;
    }
    let (mut committed, mut found) = (committed.lines(), found.lines());
    for number in 1.. {
        match (committed.next(), found.next()) {
            (None, None) => break,
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                let [ours, theirs] = [ours, theirs].map(|line| line.unwrap_or("(the end)"));
                return Some(format!("line {number}\n  committed: {ours}\n  migrate:   {theirs}"));
            }
        }
    }
    Some("only line endings differ".to_owned())
}
