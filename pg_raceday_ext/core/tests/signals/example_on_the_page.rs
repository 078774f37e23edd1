//! The worked example of docs/signals.md, figure by figure.

use crate::race::{self, KIND, OwnedPoll};
use raceday_core::signals::{Reading, Rules, Watch};

const FIXED: [i64; 4] = [220, 900, 320, 460];
const BIRCH: usize = 1;

fn poll(seconds: i64, pool: i64, tote: [i64; 4]) -> OwnedPoll {
    let mut owned = race::poll(seconds, &[1, 1, 1, 1], &FIXED);
    owned.win_cents = Some(pool);
    for (runner, tote) in owned.runners.iter_mut().zip(tote) {
        runner.tote = Some(tote);
    }
    owned
}

#[test]
fn four_polls_give_the_figures_of_the_page() {
    let polls = [
        poll(310, 2_000_000, [200, 1_050, 280, 420]),
        poll(275, 2_100_000, [190, 1_030, 280, 430]),
        poll(45, 2_450_000, [210, 580, 290, 450]),
        poll(30, 2_700_000, [220, 470, 310, 460]),
    ];
    let mut watch = Watch::default();
    let readings: Vec<Reading> =
        polls.iter().map(|poll| watch.advance(&poll.poll(), KIND, &Rules::default())).collect();
    let birch = |at: usize| {
        let of = readings[at].runners[BIRCH];
        [of.low, of.mid, of.high, of.multiple, of.evidence]
    };
    assert_eq!(birch(0), [Some(158_490), Some(162_200), Some(165_933), None, None]);
    assert_eq!(birch(1), [Some(169_615), Some(170_474), Some(174_520), Some(102), Some(0)]);
    assert_eq!(birch(2), [Some(348_813), Some(350_516), Some(359_575), Some(634), Some(415)]);
    assert_eq!(birch(3), [Some(472_499), Some(478_676), Some(489_009), Some(358), Some(671)]);

    let flow = readings[2].win.as_ref().expect("a flow");
    let received = &flow.runners[BIRCH];
    assert_eq!((flow.total_cents, received.cents), (350_000, 180_042));
    assert_eq!(format!("{:.5} {:.5} {:.0}", received.share, received.theta, received.excess), "0.08118 0.09130 142338");

    let signals: Vec<_> = readings
        .iter()
        .enumerate()
        .flat_map(|(at, reading)| reading.reached.iter().map(move |of| (at, of)))
        .map(|(at, of)| {
            assert!(of.is_provisional && of.entrant_id == "runner-02");
            let shares = (of.share_before.expect("a share"), of.share_after.expect("a share"));
            (at, of.level, of.rarity, of.evidence, of.money_cents, of.excess_cents, of.multiple, shares)
        })
        .collect();
    assert_eq!(
        signals,
        [
            (2, 20, 20, 415, 188_316, 142_338, Some(516), (811, 1_431)),
            (3, 200, 200, 671, 316_476, 224_701, Some(438), (811, 1_773)),
        ]
    );
}
