//! A short `cargo xtask chaos`: PostgreSQL and the fetcher are killed at random, and nothing is lost, duplicated or different.

use std::process::Command;

use raceday_tests::repository::built;

#[test]
fn random_kills_lose_nothing() {
    let mut chaos = Command::new(built("chaos"));
    let output = chaos.args(["--kills", "8", "--seed", "5"]).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    for killed in ["PostgreSQL", "the fetcher"] {
        assert!(printed.contains(&format!("ms: {killed}, down")), "{killed} was not killed:\n{printed}");
    }
    assert!(printed.contains("nothing lost, duplicated or different"), "{printed}");
}

/// Three kinds of fault; the others take long, and are left to `cargo xtask chaos --ha`.
#[test]
fn three_nodes_that_fail_lose_nothing() {
    let mut chaos = Command::new(built("chaos"));
    let output = chaos.args(["--ha", "--kills", "3", "--seed", "5"]).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    for fault in ["PostgreSQL killed", "switch-over", "PostgreSQL and Patroni killed"] {
        assert!(printed.contains(&format!("  {fault}")), "{fault} did not happen:\n{printed}");
    }
    assert!(printed.contains("nothing lost, duplicated or different"), "{printed}");
}
