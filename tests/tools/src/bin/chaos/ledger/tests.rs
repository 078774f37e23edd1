use super::*;

/// A run assembled response by response.
#[derive(Default)]
struct Run {
    responses: Vec<Response>,
    lives: BTreeMap<String, Life>,
    staged: Staged,
}

impl Run {
    /// A run with two fetchers: `dead` was killed, `alive` was not.
    fn new() -> Self {
        let mut run = Self::default();
        for (fetcher, killed) in [("dead", true), ("alive", false)] {
            run.lives.insert(fetcher.to_owned(), Life { killed, ..Life::default() });
        }
        run
    }

    /// Adds a response about race `r`, the last on a connection that the fetcher closed; `word` is the fetcher's report.
    fn response(&mut self, fetcher: &str, hash: &str, word: Option<Word>) -> &mut Response {
        let request_id = format!("{fetcher}-{}", self.responses.len());
        if let Some(word) = word {
            self.lives.get_mut(fetcher).unwrap().words.insert(request_id.clone(), word);
        }
        self.responses.push(Response {
            body: body(hash),
            fetcher: fetcher.to_owned(),
            request_id,
            last_on_connection: true,
            end: Some(End::Closed),
        });
        self.responses.last_mut().unwrap()
    }

    fn stage(&mut self, hash: &str, at_us: i64) {
        self.staged.entry(body(hash)).or_default().push(at_us);
    }

    fn settle(self) -> Account {
        settle(self.responses, &self.lives, self.staged)
    }
}

fn body(hash: &str) -> Body {
    ("r".to_owned(), hash.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "as `response` takes it")]
fn kept(hash: &str, at_us: i64) -> Option<Word> {
    Some(Word::Kept { hash: hash.to_owned(), at_us })
}

#[track_caller]
fn assert_lost(run: Run, why: &str) {
    let account = run.settle();
    assert_eq!(account.lost.iter().map(|lost| lost.why).collect::<Vec<_>>(), [why]);
    assert!(!account.balances());
}

#[test]
fn what_was_kept_and_is_staged_once_balances() {
    let mut run = Run::new();
    run.response("alive", "a", kept("a", 1));
    run.response("alive", "a", Some(Word::Unchanged));
    run.response("dead", "b", kept("b", 2));
    // The same body, requested by another fetcher at another time, is another payload.
    run.response("alive", "b", kept("b", 3));
    for (hash, at_us) in [("a", 1), ("b", 2), ("b", 3)] {
        run.stage(hash, at_us);
    }
    let account = run.settle();
    assert!(account.balances(), "{account}");
    assert_eq!((account.responses, account.repeated, account.staged, account.cut_off()), (4, 1, 3, 0));
}

#[test]
fn a_response_on_disk_but_not_staged_is_lost_even_if_its_fetcher_was_killed() {
    for fetcher in ["alive", "dead"] {
        let mut run = Run::new();
        run.response(fetcher, "a", kept("a", 1)).end = Some(End::Reset);
        assert_lost(run, "on disk, but not staged");
    }
}

#[test]
fn a_row_matches_only_the_response_of_its_time() {
    let mut run = Run::new();
    run.response("dead", "a", kept("a", 1));
    run.response("alive", "a", kept("a", 2));
    run.stage("a", 2);
    let account = run.settle();
    let lost: Vec<_> = account.lost.iter().map(|lost| (lost.response.fetcher.as_str(), lost.why)).collect();
    assert_eq!(lost, [("dead", "on disk, but not staged")]);
}

#[test]
fn a_response_on_disk_with_another_body_is_lost() {
    let mut run = Run::new();
    run.response("alive", "a", kept("b", 1));
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!(account.lost[0].why, "on disk with another body");
}

#[test]
fn a_payload_staged_twice_fails_the_run() {
    let mut run = Run::new();
    run.response("dead", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!((account.staged, account.staged_twice, account.lost.len()), (2, 1, 0));
    assert!(!account.balances());
}

#[test]
fn a_payload_staged_twice_is_not_credited_to_a_killed_fetcher() {
    let mut run = Run::new();
    run.response("dead", "a", None);
    run.response("alive", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!((account.cut_off_unreported, account.staged_twice), (1, 1));
    assert!(!account.balances());
}

#[test]
fn a_row_that_was_never_sent_is_foreign() {
    let mut run = Run::new();
    run.response("alive", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("x", 1);
    let account = run.settle();
    assert_eq!((account.foreign, account.staged_twice), (1, 0));
    assert!(!account.balances());
}

#[test]
fn a_response_unread_or_unreported_by_a_killed_fetcher_is_cut_off() {
    let mut run = Run::new();
    run.response("dead", "a", None).end = Some(End::Reset);
    run.response("dead", "b", None).body.0 = "another".into();
    let account = run.settle();
    assert_eq!((account.cut_off_unread, account.cut_off_unreported, account.to_be_staged()), (1, 1, 0));
    assert!(account.balances(), "{account}");
}

#[test]
fn a_response_unreported_by_a_fetcher_that_was_not_killed_is_lost() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.response("alive", "a", word);
        assert_lost(run, "not mentioned again by a fetcher that was not killed");
    }
}

#[test]
fn an_unreported_response_whose_connection_was_used_again_is_lost() {
    let mut run = Run::new();
    run.response("dead", "a", None).last_on_connection = false;
    assert_lost(run, "never mentioned, but the connection was used again");
}

#[test]
fn an_unreported_response_on_a_connection_that_the_fetcher_did_not_end_is_lost() {
    for end in [None, Some(End::Here)] {
        let mut run = Run::new();
        run.response("dead", "a", None).end = end;
        assert_lost(run, "never mentioned, on a connection that the fetcher did not end");
    }
}

#[test]
fn a_response_received_but_not_on_disk_when_its_fetcher_was_killed_was_in_memory() {
    let mut run = Run::new();
    // Its connection can be used again as soon as it is received.
    run.response("dead", "a", Some(Word::Received)).last_on_connection = false;
    let account = run.settle();
    assert_eq!(account.cut_off_in_memory, 1);
    assert!(account.balances(), "{account}");
}

#[test]
fn a_response_skipped_by_a_fetcher_that_polled_the_race_again_is_lost() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.response("dead", "a", word);
        run.response("dead", "b", kept("b", 2));
        run.stage("b", 2);
        assert_lost(run, "not mentioned again by a fetcher that went on to poll the race");
    }
}

#[test]
fn a_response_on_disk_but_unreported_at_the_kill_is_staged_by_the_next_fetcher() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.response("dead", "a", word);
        run.response("alive", "a", kept("a", 7));
        run.stage("a", 5);
        run.stage("a", 7);
        let account = run.settle();
        assert_eq!((account.staged, account.staged_twice, account.cut_off()), (2, 0, 0));
        assert!(account.balances(), "{account}");
    }
}

#[test]
fn an_abandoned_response_is_not_to_be_staged() {
    let mut run = Run::new();
    run.response("alive", "a", Some(Word::Incomplete)).end = Some(End::Reset);
    let account = run.settle();
    assert_eq!((account.abandoned, account.to_be_staged()), (1, 0));
    assert!(account.balances(), "{account}");

    let mut run = Run::new();
    run.response("alive", "a", Some(Word::Incomplete)).last_on_connection = false;
    assert_lost(run, "reported as incomplete, but the connection was used again");
}

#[test]
fn a_response_reported_unchanged_must_be_on_disk_of_the_same_fetcher() {
    let mut run = Run::new();
    run.response("dead", "a", kept("a", 1));
    run.response("alive", "a", Some(Word::Unchanged));
    run.stage("a", 1);
    assert_lost(run, "reported as unchanged, but not on disk before");
}

#[test]
fn a_response_to_an_unknown_fetcher_is_lost() {
    let mut run = Run::new();
    run.response("alive", "a", None).fetcher = "stranger".into();
    assert_lost(run, "requested by no fetcher of this run");
}
