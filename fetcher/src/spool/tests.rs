use chrono::DateTime;
use tempfile::TempDir;

use super::place::names;
use super::*;

fn payload(race_id: &str, second: i64) -> Payload {
    let fetched_at = DateTime::from_timestamp(1_763_899_200 + second, 0).unwrap();
    Payload {
        subject: Subject::event(race_id),
        fetched_at,
        body: Arc::new(format!("{{\"race\": \"{race_id}\"}}\n\0 {second}").into_bytes()),
    }
}

fn open(root: &TempDir) -> Arc<Spool> {
    Arc::new(Spool::open(root.path(), 1000).unwrap())
}

#[tokio::test]
async fn a_confirmed_response_leaves_no_file() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    let ticket = spool.put(payload("a", 1)).await.unwrap();
    assert_eq!(names(&spool.folder).unwrap().len(), 1, "on disk before it is stored");
    assert!(spool.waiting().is_empty());
    ticket.confirm().await.unwrap();
    assert!(names(&spool.folder).unwrap().is_empty());
    assert_eq!(spool.index.lock().bytes, 0);
}

#[tokio::test]
async fn kept_responses_are_there_after_a_restart_oldest_first() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    for second in [3, 1, 2] {
        spool.put(payload("a", second)).await.unwrap().keep().await.unwrap();
    }
    assert!(spool.has_waiting(&Subject::event("a")) && !spool.has_waiting(&Subject::event("b")));
    drop(spool);
    let spool = open(&root);
    assert!(spool.has_waiting(&Subject::event("a")));
    for (second, name) in (1..).zip(spool.waiting()) {
        assert_eq!(spool.read(&name).await.unwrap(), Some(payload("a", second)));
        spool.remove(&name).await.unwrap();
    }
    assert!(!spool.has_waiting(&Subject::event("a")));
    assert!(spool.waiting().is_empty());
}

#[tokio::test]
async fn what_a_killed_fetcher_was_storing_waits_for_the_next() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    // A killed process runs no destructor.
    std::mem::forget(spool.put(payload("a", 1)).await.unwrap());
    let files = names(&spool.folder).unwrap();
    let elsewhere = TempDir::new().unwrap();
    fs::create_dir(elsewhere.path().join("0")).unwrap();
    fs::copy(spool.folder.join(&files[0]), elsewhere.path().join("0").join(&files[0])).unwrap();
    assert_eq!(open(&elsewhere).waiting(), files);
}

#[tokio::test]
async fn a_full_spool_keeps_the_oldest() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    let mut kept = 0;
    let error = loop {
        match spool.put(payload("a", kept)).await {
            Ok(ticket) => ticket.keep().await.unwrap(),
            Err(error) => break error,
        }
        kept += 1;
    };
    assert!(matches!(error, SpoolError::Full), "{error}");
    assert!(kept > 1 && spool.index.lock().bytes <= 1000);
    let first = spool.waiting().remove(0);
    assert_eq!(spool.read(&first).await.unwrap(), Some(payload("a", 0)));
    spool.remove(&first).await.unwrap();
    spool.put(payload("a", kept)).await.unwrap();
}

#[tokio::test]
async fn a_truncated_file_is_quarantined() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    spool.put(payload("a", 1)).await.unwrap().keep().await.unwrap();
    let name = spool.waiting().remove(0);
    let path = spool.folder.join(&name);
    let length = fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    assert_eq!(spool.read(&name).await.unwrap(), None);
    assert!(spool.waiting().is_empty() && path.with_extension("torn").exists());
}

#[tokio::test]
async fn each_fetcher_has_its_own_place_and_adopts_those_of_the_dead() {
    let root = TempDir::new().unwrap();
    let (first, second) = (open(&root), open(&root));
    assert_ne!(first.folder, second.folder);
    second.put(payload("b", 2)).await.unwrap().keep().await.unwrap();
    first.put(payload("a", 1)).await.unwrap().keep().await.unwrap();
    drop((first, second));
    let heir = open(&root);
    let mut races = Vec::new();
    for name in heir.waiting() {
        races.push(heir.read(&name).await.unwrap().unwrap().subject.to_string());
    }
    assert_eq!(races, ["a", "b"]);
}

#[tokio::test]
async fn a_ticket_dropped_unresolved_leaves_its_response_waiting() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    drop(spool.put(payload("a", 1)).await.unwrap());
    assert_eq!(spool.waiting().len(), 1);
}

#[tokio::test]
async fn what_a_killed_fetcher_had_not_finished_writing_is_removed() {
    let root = TempDir::new().unwrap();
    drop((open(&root), open(&root)));
    let halves = ["0", "1"].map(|place| root.path().join(place).join("half.unfinished"));
    for half in &halves {
        fs::write(half, "{\"kind\"").unwrap();
    }
    let spool = open(&root);
    assert!(halves.iter().all(|half| !half.exists()));
    assert!(spool.waiting().is_empty());
}

#[tokio::test]
async fn the_responses_of_a_fetcher_that_dies_later_are_adopted_once_and_in_order() {
    let root = TempDir::new().unwrap();
    let (first, second, third) = (open(&root), open(&root), open(&root));
    for (spool, race, second) in [(&first, "a", 1), (&second, "b", 2), (&third, "b", 0), (&first, "a", 3)] {
        spool.put(payload(race, second)).await.unwrap().keep().await.unwrap();
    }
    assert_eq!(first.adopt().await.unwrap(), 0, "the others are alive");
    drop((second, third));
    assert_eq!(first.adopt().await.unwrap(), 2);
    assert_eq!(first.adopt().await.unwrap(), 0, "already adopted");
    assert!(first.has_waiting(&Subject::event("b")), "a newer response waits behind it");
    let mut waiting = Vec::new();
    for name in first.waiting() {
        waiting.push(first.read(&name).await.unwrap().unwrap());
        first.remove(&name).await.unwrap();
    }
    assert_eq!(waiting, [payload("b", 0), payload("a", 1), payload("b", 2), payload("a", 3)]);
    assert_eq!(first.index.lock().bytes, 0);
}

#[tokio::test]
async fn responses_of_the_same_moment_from_several_places_are_all_kept() {
    let root = TempDir::new().unwrap();
    let (first, second, third) = (open(&root), open(&root), open(&root));
    for (spool, race) in [(&second, "b"), (&third, "c")] {
        spool.put(payload(race, 1)).await.unwrap().keep().await.unwrap();
    }
    drop((second, third));
    first.adopt().await.unwrap();
    assert_eq!(first.waiting().len(), 2);
}

#[tokio::test]
async fn half_of_the_spool_is_left_for_a_fetcher_s_own_responses() {
    let root = TempDir::new().unwrap();
    let (first, second) = (open(&root), open(&root));
    let mut left = 0;
    while let Ok(ticket) = second.put(payload("b", left)).await {
        ticket.keep().await.unwrap();
        left += 1;
    }
    drop(second);
    let adopted = first.adopt().await.unwrap();
    assert!(adopted > 0 && adopted < usize::try_from(left).unwrap(), "{adopted} of {left}");
    first.put(payload("a", 1)).await.unwrap().keep().await.unwrap();
    // The rest is adopted when there is room.
    let mut taken = 0;
    while !first.waiting().is_empty() {
        for name in first.waiting() {
            first.remove(&name).await.unwrap();
            taken += 1;
        }
        first.adopt().await.unwrap();
    }
    assert_eq!(taken, left + 1);
}
