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
