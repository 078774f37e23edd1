use tempfile::TempDir;

use super::*;

fn payload(race_id: &str, second: i64) -> Payload {
    let fetched_at = DateTime::from_timestamp(1_763_899_200 + second, 0).unwrap();
    Payload {
        kind: Kind::Event,
        race_id: race_id.into(),
        fetched_at,
        body: Arc::new(format!("{{\"race\": \"{race_id}\"}}\n\0 {second}").into_bytes()),
    }
}

fn open(root: &TempDir) -> Arc<Spool> {
    Arc::new(Spool::open(root.path(), 1000).unwrap())
}

#[tokio::test]
async fn what_is_confirmed_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    let ticket = spool.put(payload("a", 1)).await.unwrap();
    assert_eq!(names(&spool.folder).unwrap().len(), 1, "on disk before it is staged");
    assert!(spool.waiting().is_empty());
    ticket.confirm().await.unwrap();
    assert!(names(&spool.folder).unwrap().is_empty());
    assert_eq!(spool.index().bytes, 0);
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_restart_oldest_first() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    for second in [3, 1, 2] {
        spool.put(payload("a", second)).await.unwrap().keep().await.unwrap();
    }
    assert!(spool.has_waiting("a") && !spool.has_waiting("b"));
    drop(spool);
    let spool = open(&root);
    assert!(spool.has_waiting("a"));
    for (second, name) in (1..).zip(spool.waiting()) {
        assert_eq!(spool.read(&name).await.unwrap(), Some(payload("a", second)));
        spool.remove(&name).await.unwrap();
    }
    assert!(!spool.has_waiting("a"));
    assert!(spool.waiting().is_empty());
}

#[tokio::test]
async fn what_a_killed_fetcher_was_staging_waits_for_the_next() {
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
    assert!(kept > 1 && spool.index().bytes <= 1000);
    let first = spool.waiting().remove(0);
    assert_eq!(spool.read(&first).await.unwrap(), Some(payload("a", 0)));
    spool.remove(&first).await.unwrap();
    spool.put(payload("a", kept)).await.unwrap();
}

#[tokio::test]
async fn a_torn_file_is_put_aside() {
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
async fn two_fetchers_have_a_place_each_and_the_living_takes_over_from_the_dead() {
    let root = TempDir::new().unwrap();
    let (first, second) = (open(&root), open(&root));
    assert_ne!(first.folder, second.folder);
    second.put(payload("b", 2)).await.unwrap().keep().await.unwrap();
    first.put(payload("a", 1)).await.unwrap().keep().await.unwrap();
    drop((first, second));
    let heir = open(&root);
    let mut races = Vec::new();
    for name in heir.waiting() {
        races.push(heir.read(&name).await.unwrap().unwrap().race_id);
    }
    assert_eq!(races, ["a", "b"]);
}

#[tokio::test]
async fn a_ticket_dropped_without_a_word_waits() {
    let root = TempDir::new().unwrap();
    let spool = open(&root);
    drop(spool.put(payload("a", 1)).await.unwrap());
    assert_eq!(spool.waiting().len(), 1);
}

#[tokio::test]
async fn what_a_killed_fetcher_had_not_written_whole_is_removed() {
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
async fn what_a_fetcher_leaves_that_dies_later_is_taken_over_once_and_in_order() {
    let root = TempDir::new().unwrap();
    let (first, second, third) = (open(&root), open(&root), open(&root));
    for (spool, race, second) in [(&first, "a", 1), (&second, "b", 2), (&third, "b", 0), (&first, "a", 3)] {
        spool.put(payload(race, second)).await.unwrap().keep().await.unwrap();
    }
    assert_eq!(first.adopt().await.unwrap(), 0, "the others live");
    drop((second, third));
    assert_eq!(first.adopt().await.unwrap(), 2);
    assert_eq!(first.adopt().await.unwrap(), 0, "taken over already");
    assert!(first.has_waiting("b"), "a newer answer waits behind it");
    let mut waiting = Vec::new();
    for name in first.waiting() {
        waiting.push(first.read(&name).await.unwrap().unwrap());
        first.remove(&name).await.unwrap();
    }
    assert_eq!(waiting, [payload("b", 0), payload("a", 1), payload("b", 2), payload("a", 3)]);
    assert_eq!(first.index().bytes, 0);
}

#[tokio::test]
async fn answers_of_the_same_moment_from_several_places_are_all_kept() {
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
async fn half_of_the_spool_is_left_for_a_fetcher_s_own_answers() {
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
    // The rest comes as there is room.
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
