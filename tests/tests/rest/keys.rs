//! Keys of clients that speak Appwrite's protocol: `raceday-fetcher key`, and what a valid key exempts from.

use clap::Parser;
use raceday_fetcher::config::{Cli, Command};
use raceday_fetcher::keys;
use raceday_tests::stack::Stack;

/// Runs `raceday-fetcher key` with these arguments. Returns its output, or its error.
fn key(stack: &Stack, arguments: &[&str]) -> Result<String, String> {
    let url = stack.postgres.url("postgres", "raceday");
    let line = ["raceday-fetcher", "key"].iter().chain(arguments).copied().chain(["--database-url", &url]);
    let Command::Key(command) = Cli::parse_from(line).command else { unreachable!("the command is key") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(keys::run(&command)).map(|lines| lines.join("\n")).map_err(|error| error.to_string())
}

/// Adds a key and returns it.
fn added(stack: &Stack, name: &str) -> String {
    let printed = key(stack, &["add", name]).unwrap();
    printed.lines().find_map(|line| line.strip_prefix("APPWRITE_API_KEY=")).unwrap().to_owned()
}

fn role(stack: &Stack, project: &str, key: &str) -> Option<String> {
    let row = stack.connect().query_one("select raceday.appwrite_key_role($1, $2)", &[&project, &key]);
    row.unwrap().get(0)
}

#[test]
fn a_key_is_shown_once_and_only_its_hash_is_stored() {
    let stack = Stack::shared();
    let printed = key(&stack, &["add", "shown", "--public-url", "https://raceday.example/"]).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(
        lines[1..3],
        ["NEXT_PUBLIC_APPWRITE_ENDPOINT=https://raceday.example/v1", "NEXT_PUBLIC_APPWRITE_PROJECT_ID=raceday"]
    );
    let secret = lines[3].strip_prefix("APPWRITE_API_KEY=").unwrap();
    assert_eq!(role(&stack, "raceday", secret).as_deref(), Some("alerts"));
    let again = key(&stack, &["add", "shown", "--if-missing"]).unwrap();
    let list = key(&stack, &["list"]).unwrap();
    assert!(list.lines().any(|line| line.starts_with("shown ") && line.contains(" alerts ")), "{list}");
    let stored = stack.value("select string_agg(k::text, ' ') from raceday.api_keys k");
    for text in [again, list, stored] {
        assert!(!text.contains(secret) && !text.contains(secret.split_once('_').unwrap().1), "{text}");
    }
    let log = std::fs::read_to_string(stack.postgres.log()).unwrap();
    assert!(!log.contains(secret));
}

#[test]
fn a_revoked_key_a_wrong_key_and_another_project_have_no_role() {
    let stack = Stack::shared();
    key(&stack, &["add", "reader", "--role", "read"]).unwrap();
    let first = added(&stack, "rotated");
    assert_eq!(stack.value("select role from raceday.api_keys where name = 'reader'"), "read");
    for (project, key) in [
        ("", first.as_str()),
        ("Raceday", &first),
        ("raceday", ""),
        ("raceday", &first[..71]),
        ("raceday", &first.to_uppercase()),
        ("raceday", "' or true --"),
    ] {
        assert_eq!(role(&stack, project, key), None, "{project} {key}");
    }
    let missing =
        "select raceday.appwrite_key_role(null, null) is null and raceday.appwrite_key_role('raceday', null) is null";
    assert_eq!(stack.value(&format!("select ({missing})::text")), "true");
    assert!(key(&stack, &["revoke", "rotated"]).unwrap().contains("revoked"));
    assert_eq!(role(&stack, "raceday", &first), None);
    let second = added(&stack, "rotated");
    assert_eq!((role(&stack, "raceday", &first), role(&stack, "raceday", &second).is_some()), (None, true));
}

#[test]
fn mistakes_with_keys_are_reported_with_the_next_step() {
    let stack = Stack::shared();
    key(&stack, &["add", "taken"]).unwrap();
    for (arguments, expected) in [
        (&["add", "taken"][..], "there is already a key named taken (23505); Choose another name"),
        (&["add", "no spaces"], "A name is 1 to 64 letters"),
        (&["revoke", "nobody"], "there is no valid key named \"nobody\": `raceday-fetcher key list`"),
    ] {
        let error = key(&stack, arguments).expect_err(expected);
        assert!(error.contains(expected), "{error}");
    }
}
