//! `cargo xtask chaos`, short: PostgreSQL and the fetcher are killed at random, and nothing is lost, twice or different.

use std::process::Command;

use raceday_stack::Layout;

#[test]
fn what_is_killed_at_random_loses_nothing() {
    let mut chaos = Command::new(Layout::of_workspace().built("chaos").unwrap());
    let output = chaos.args(["--kills", "8", "--seed", "5"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for killed in ["PostgreSQL", "the fetcher"] {
        assert!(said.contains(&format!("ms: {killed}, away")), "{killed} was not killed:\n{said}");
    }
    assert!(said.contains("nothing lost, nothing twice, nothing different"), "{said}");
}
