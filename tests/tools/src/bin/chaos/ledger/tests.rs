use super::*;

/// A run that is put together answer by answer.
#[derive(Default)]
struct Run {
    given: Vec<Given>,
    lives: BTreeMap<String, Life>,
    staged: Staged,
}

impl Run {
    /// With two fetchers: `dead` was killed, `alive` was not.
    fn new() -> Self {
        let mut run = Self::default();
        for (fetcher, killed) in [("dead", true), ("alive", false)] {
            run.lives.insert(fetcher.to_owned(), Life { killed, ..Life::default() });
        }
        run
    }

    /// An answer of race `r`, last on its connection, which the fetcher closed; `words` are what it said of it.
    fn answer(&mut self, fetcher: &str, hash: &str, words: Option<Word>) -> &mut Given {
        let request_id = format!("{fetcher}-{}", self.given.len());
        if let Some(word) = words {
            self.lives.get_mut(fetcher).unwrap().words.insert(request_id.clone(), word);
        }
        self.given.push(Given {
            body: body(hash),
            fetcher: fetcher.to_owned(),
            request_id,
            last_on_connection: true,
            end: Some(End::Closed),
        });
        self.given.last_mut().unwrap()
    }

    fn stage(&mut self, hash: &str, at_us: i64) {
        self.staged.entry(body(hash)).or_default().push(at_us);
    }

    fn settle(self) -> Account {
        settle(self.given, &self.lives, self.staged)
    }
}

fn body(hash: &str) -> Body {
    ("r".to_owned(), hash.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "as `answer` takes it")]
fn kept(hash: &str, at_us: i64) -> Option<Word> {
    Some(Word::Kept { hash: hash.to_owned(), at_us })
}

#[track_caller]
fn assert_lost(run: Run, why: &str) {
    let account = run.settle();
    assert_eq!(account.lost.iter().map(|lost| lost.why).collect::<Vec<_>>(), [why]);
    assert!(!account.is_even());
}

#[test]
fn what_was_kept_and_is_staged_once_is_even() {
    let mut run = Run::new();
    run.answer("alive", "a", kept("a", 1));
    run.answer("alive", "a", Some(Word::Unchanged));
    run.answer("dead", "b", kept("b", 2));
    // The same body, asked for by another fetcher at another time, is another payload.
    run.answer("alive", "b", kept("b", 3));
    for (hash, at_us) in [("a", 1), ("b", 2), ("b", 3)] {
        run.stage(hash, at_us);
    }
    let account = run.settle();
    assert!(account.is_even(), "{account}");
    assert_eq!((account.answered, account.repeated, account.staged, account.cut_off()), (4, 1, 3, 0));
}

#[test]
fn what_was_kept_and_is_not_staged_is_lost_even_if_its_fetcher_was_killed() {
    for fetcher in ["alive", "dead"] {
        let mut run = Run::new();
        run.answer(fetcher, "a", kept("a", 1)).end = Some(End::Reset);
        assert_lost(run, "kept, and not staged");
    }
}

#[test]
fn a_row_stands_for_the_answer_of_its_time_alone() {
    let mut run = Run::new();
    run.answer("dead", "a", kept("a", 1));
    run.answer("alive", "a", kept("a", 2));
    run.stage("a", 2);
    let account = run.settle();
    let lost: Vec<_> = account.lost.iter().map(|lost| (lost.given.fetcher.as_str(), lost.why)).collect();
    assert_eq!(lost, [("dead", "kept, and not staged")]);
}

#[test]
fn what_was_kept_with_another_body_is_lost() {
    let mut run = Run::new();
    run.answer("alive", "a", kept("b", 1));
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!(account.lost[0].why, "kept with another body");
}

#[test]
fn a_payload_staged_twice_is_an_error_of_the_run() {
    let mut run = Run::new();
    run.answer("dead", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!((account.staged, account.staged_twice, account.lost.len()), (2, 1, 0));
    assert!(!account.is_even());
}

#[test]
fn a_payload_staged_twice_is_not_taken_for_that_of_a_killed_fetcher() {
    let mut run = Run::new();
    run.answer("dead", "a", None);
    run.answer("alive", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("a", 1);
    let account = run.settle();
    assert_eq!((account.cut_off_unsaid, account.staged_twice), (1, 1));
    assert!(!account.is_even());
}

#[test]
fn a_row_that_nobody_answered_is_foreign() {
    let mut run = Run::new();
    run.answer("alive", "a", kept("a", 1));
    run.stage("a", 1);
    run.stage("x", 1);
    let account = run.settle();
    assert_eq!((account.foreign, account.staged_twice), (1, 0));
    assert!(!account.is_even());
}

#[test]
fn an_answer_unread_or_unsaid_by_a_killed_fetcher_is_cut_off() {
    let mut run = Run::new();
    run.answer("dead", "a", None).end = Some(End::Reset);
    run.answer("dead", "b", None).body.0 = "another".into();
    let account = run.settle();
    assert_eq!((account.cut_off_unread, account.cut_off_unsaid, account.to_be_staged()), (1, 1, 0));
    assert!(account.is_even(), "{account}");
}

#[test]
fn an_answer_unsaid_by_a_fetcher_that_lived_is_lost() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.answer("alive", "a", word);
        assert_lost(run, "never mentioned again by a fetcher that lived on");
    }
}

#[test]
fn an_answer_unsaid_whose_connection_was_used_again_is_lost() {
    let mut run = Run::new();
    run.answer("dead", "a", None).last_on_connection = false;
    assert_lost(run, "never mentioned, and the connection used again");
}

#[test]
fn an_answer_unsaid_on_a_connection_that_the_fetcher_did_not_end_is_lost() {
    for end in [None, Some(End::Here)] {
        let mut run = Run::new();
        run.answer("dead", "a", None).end = end;
        assert_lost(run, "never mentioned, on a connection that the fetcher never ended");
    }
}

#[test]
fn an_answer_received_and_not_kept_by_a_killed_fetcher_was_in_memory() {
    let mut run = Run::new();
    // Its connection is free for others as soon as it is received.
    run.answer("dead", "a", Some(Word::Received)).last_on_connection = false;
    let account = run.settle();
    assert_eq!(account.cut_off_in_memory, 1);
    assert!(account.is_even(), "{account}");
}

#[test]
fn an_answer_passed_over_by_a_fetcher_that_polled_the_race_again_is_lost() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.answer("dead", "a", word);
        run.answer("dead", "b", kept("b", 2));
        run.stage("b", 2);
        assert_lost(run, "never mentioned again by a fetcher that went on to the race's next poll");
    }
}

#[test]
fn an_answer_kept_before_the_kill_and_not_yet_said_so_is_staged_by_the_next_fetcher() {
    for word in [None, Some(Word::Received)] {
        let mut run = Run::new();
        run.answer("dead", "a", word);
        run.answer("alive", "a", kept("a", 7));
        run.stage("a", 5);
        run.stage("a", 7);
        let account = run.settle();
        assert_eq!((account.staged, account.staged_twice, account.cut_off()), (2, 0, 0));
        assert!(account.is_even(), "{account}");
    }
}

#[test]
fn an_answer_given_up_is_not_to_be_staged() {
    let mut run = Run::new();
    run.answer("alive", "a", Some(Word::NotWhole)).end = Some(End::Reset);
    let account = run.settle();
    assert_eq!((account.given_up, account.to_be_staged()), (1, 0));
    assert!(account.is_even(), "{account}");

    let mut run = Run::new();
    run.answer("alive", "a", Some(Word::NotWhole)).last_on_connection = false;
    assert_lost(run, "said not to be whole, and the connection used again");
}

#[test]
fn an_answer_called_unchanged_must_have_been_kept_by_the_same_fetcher() {
    let mut run = Run::new();
    run.answer("dead", "a", kept("a", 1));
    run.answer("alive", "a", Some(Word::Unchanged));
    run.stage("a", 1);
    assert_lost(run, "said to be unchanged, and never kept before");
}

#[test]
fn an_answer_of_an_unknown_asker_is_lost() {
    let mut run = Run::new();
    run.answer("alive", "a", None).fetcher = "stranger".into();
    assert_lost(run, "asked for by no fetcher of this run");
}
