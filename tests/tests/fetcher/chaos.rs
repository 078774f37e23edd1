//! A short `cargo xtask chaos`: PostgreSQL and the fetcher are killed at random, and no row is lost, duplicated or changed.

use std::process::Command;

use raceday_tests::repository::built;

#[test]
fn random_kills_of_postgresql_and_the_fetcher_lose_nothing() {
    let mut chaos = Command::new(built("chaos"));
    let output = chaos.args(["--kills", "8", "--seed", "5"]).output().unwrap();
    let output_text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{output_text}");
    for killed in ["PostgreSQL", "the fetcher"] {
        assert!(output_text.contains(&format!("ms: {killed}, away")), "{killed} was not killed:\n{output_text}");
    }
    assert!(output_text.contains("nothing lost, nothing twice, nothing different"), "{output_text}");
}
