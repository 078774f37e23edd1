//! Every shell block of every runbook, as pasted.

use raceday_tests::PATIENCE;

use raceday_stack::wait_until;

use crate::project::{Project, blocks, runbooks};

/// A block with one of these is to be completed by the reader.
const PLACEHOLDERS: [&str; 4] = ["...", "LEGACY:PORT", "RACE_ID", "<repository>"];

/// Blocks that do not run here, by a word that only they have, and why.
const NOT_RUN: [(&str, &str); 4] = [
    ("affiliates/v1/racing", "asks the TAB"),
    ("raceday-fetcher import-raw", "without Docker: tests/tests/ops/raw_archive.rs runs the program"),
    ("nztab-sim --replay", "without Docker: tests/tests/ops/replay.rs runs the program"),
    ("raceday-fetcher export", "without Docker: tests/tests/ops/export.rs runs the program"),
];

/// A partition in the archive, which a block dumps and another one brings back.
const ARCHIVED: &str = "archive.money_flow_history_p20251023";

/// Pages whose blocks follow one another: they run last, in this order. The first blocks of deploy.md have started the project.
const LAST: [&str; 3] = ["upgrade-extension.md", "deploy.md", "backup-restore.md"];

#[test]
fn every_block_of_every_runbook_runs_as_pasted() {
    let project = Project::shared();
    project.wait_polled();
    project.sql(&format!("create table {ARCHIVED} (like raceday.money_flow_history)"));
    let mut pages = runbooks();
    pages.retain(|page| !LAST.contains(&page.as_str()));
    pages.extend(LAST.map(str::to_owned));
    let (mut ran, mut skipped, mut races) = (0, Vec::new(), None);
    for page in pages {
        let first = if page == "deploy.md" { 2 } else { 0 };
        for block in blocks(&page).iter().skip(first) {
            if let Some((word, _)) = NOT_RUN.iter().find(|(word, _)| block.contains(word)) {
                skipped.push(*word);
            } else if !PLACEHOLDERS.iter().any(|placeholder| block.contains(placeholder)) {
                println!("{page}:\n{block}");
                run(project, &page, block, &mut races);
                ran += 1;
            }
        }
    }
    assert!(ran >= 20, "{ran} blocks");
    for (word, why) in NOT_RUN {
        assert!(skipped.contains(&word), "no runbook has {word} ({why}) any more");
    }
}

/// Runs a block. `races` is their number before the database was removed, until it is restored.
fn run(project: &Project, page: &str, block: &str, races: &mut Option<u64>) {
    let count = || project.sql("select count(*) from raceday.races").parse::<u64>().unwrap();
    let brings_back = block.contains("archive-*.dump");
    if brings_back {
        project.sql(&format!("drop table {ARCHIVED}"));
    }
    if block.contains("docker volume rm") {
        *races = Some(count());
    }
    project.shell(block);
    if brings_back {
        assert_eq!(project.sql(&format!("select count(*) from {ARCHIVED}")), "0");
    }
    if block.contains("docker volume rm") {
        return;
    }
    if page == "cut-over.md" {
        back_to_raceday(project);
    }
    project.wait_healthy();
    if block.contains("dropdb") {
        let before = races.take().expect("the database was not removed before");
        assert!(before > 0 && count() >= before, "{} of {before} races are restored", count());
        project.wait_polled();
    }
}

/// Undoes a cut-over: the legacy backend of the settings does not exist.
fn back_to_raceday(project: &Project) {
    project.compose("exec --env RACEDAY_LEGACY_PERCENT=0 nginx reload-nginx");
    wait_until("all clients to be back", PATIENCE, || Ok((0..20).all(|_| project.get("/health").status == 200)))
        .unwrap();
}
