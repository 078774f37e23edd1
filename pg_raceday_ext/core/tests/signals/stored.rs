//! What is kept as bytes: hostile bytes are refused.

use crate::race::{self, KIND};
use proptest::prelude::*;
use raceday_core::signals::{RaceFlows, Rules, Watch};

proptest! {
    #[test]
    fn bytes_of_another_layout_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = (*first).max(2);
        }
        prop_assert!(Watch::from_bytes(&bytes, ["a", "b"].into_iter()).is_none());
        prop_assert!(RaceFlows::from_bytes(KIND, 1, &bytes).is_none());
    }

    #[test]
    fn damaged_bytes_do_not_panic(at in 0_usize..400, byte in any::<u8>(), length in 0_usize..400) {
        let money = [500_000, 300_000, 200_000];
        let fixed = [200, 300, 500];
        let polls = [race::poll(290, &money, &fixed), race::poll(280, &[500_000, 360_000, 200_000], &fixed)];
        let (_, watch) = race::readings(&polls, &Rules::default());
        let ids = ["runner-01", "runner-02", "runner-03"];
        let mut bytes = watch.to_bytes(ids.into_iter());
        if let Some(damaged) = bytes.get_mut(at) {
            *damaged = byte;
        }
        bytes.truncate(length);
        let _ = Watch::from_bytes(&bytes, ids.into_iter());
    }
}

#[test]
fn a_races_flows_survive_their_bytes() {
    let fixed = [200, 300, 500];
    let polls =
        [race::poll(290, &[500_000, 300_000, 200_000], &fixed), race::poll(280, &[500_000, 360_000, 200_000], &fixed)];
    let mut flows = RaceFlows::new(KIND);
    let (readings, _) = race::readings(&polls, &Rules::default());
    assert!(flows.is_empty());
    polls.iter().zip(&readings).for_each(|(poll, reading)| flows.push(&poll.poll(), reading));
    assert!(!flows.is_empty());
    assert_eq!(flows.closing_cents, 1_060_000);
    assert_eq!(RaceFlows::from_bytes(KIND, flows.closing_cents, &flows.to_bytes()), Some(flows));
}
