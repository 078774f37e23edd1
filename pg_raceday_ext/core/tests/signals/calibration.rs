//! Calibrations from races: φ, how rare evidence is, and what a race is then judged by.

use crate::race::{self, KIND, OwnedPoll};
use raceday_core::Category;
use raceday_core::signals::{Band, Calibration, Flow, RaceFlows, RaceKind, Reading, Rules, Watch, calibrate};

/// A race without a plunge, whose bets are lumps of about `lump` cents.
fn null_race(seed: u64, lump: i64) -> Vec<OwnedPoll> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |below: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let odds = [300_i64, 400, 500, 800, 1_200, 2_000];
    let mut money: Vec<i64> = odds.iter().map(|odds| 100_000_000 / odds).collect();
    let fixed: Vec<i64> = odds.to_vec();
    (0..22)
        .map(|at| {
            for _ in 0..8 {
                // By share: the runner that a random cent of the pool is on.
                let mut cent = random(money.iter().sum());
                let runner = money
                    .iter()
                    .position(|cents| {
                        cent -= cents;
                        cent < 0
                    })
                    .unwrap();
                money[runner] += lump;
            }
            race::poll(310 - 14 * at, &money, &fixed)
        })
        .collect()
}

fn flows(kind: RaceKind, polls: &[OwnedPoll], rules: &Rules) -> (RaceFlows, Watch) {
    let (mut watch, mut flows) = (Watch::default(), RaceFlows::new(kind));
    for poll in polls {
        let reading = watch.advance(&poll.poll(), kind, rules);
        flows.push(&poll.poll(), &reading);
    }
    (flows, watch)
}

fn calibrated(lump: i64) -> Calibration {
    let races = (1..=399).map(|seed| flows(KIND, &null_race(seed, lump), &Rules::default()).0);
    calibrate(&races.collect::<Vec<_>>())
}

/// φ by its definition, over the flows in the watch.
fn phi_of(flows: &[Flow]) -> i64 {
    let mut sizes: Vec<f64> = Vec::new();
    for flow in flows.iter().filter(|flow| flow.in_watch) {
        for of in &flow.runners {
            let expected = flow.total_cents as f64 * of.theta;
            let spread = expected * (1.0 - of.theta);
            sizes.push(((of.cents as f64 - expected).powi(2) - of.rounding - (expected / 2.0).powi(2)) / spread);
        }
    }
    sizes.sort_by(f64::total_cmp);
    let middle = f64::midpoint(sizes[sizes.len() / 2], sizes[(sizes.len() - 1) / 2]) / 0.455;
    #[expect(clippy::cast_possible_truncation, reason = "bounded")]
    let rounded = middle.round().max(1000.0) as i64;
    rounded
}

#[test]
fn phi_is_the_median_size_that_explains_the_flows() {
    let rules = Rules::default();
    let races: Vec<Vec<OwnedPoll>> = (1..=199).map(|seed| null_race(seed, 9_000)).collect();
    let all = |side: fn(&Reading) -> Option<&Flow>| -> Vec<Flow> {
        let readings = races.iter().flat_map(|polls| race::readings(polls, &rules).0);
        readings.filter_map(|reading| side(&reading).cloned()).collect()
    };
    let (win, place) = (all(|of| of.win.as_ref()), all(|of| of.place.as_ref()));
    assert!(win.len() > 3_000 && place.len() > 3_000);
    let collected: Vec<RaceFlows> = races.iter().map(|polls| flows(KIND, polls, &rules).0).collect();
    let calibration = calibrate(&collected);
    let kind = calibration.kind(KIND, 1_200_000);
    assert_eq!((kind.races, kind.band, kind.is_provisional()), (199, Band::Medium, false));
    assert_eq!((kind.phi, kind.place_phi), (phi_of(&win), phi_of(&place)));
}

#[test]
fn one_race_in_so_many_reaches_the_evidence_of_a_rarity() {
    let rules = Rules::with(calibrated(8_000));
    let kind = rules.calibrations.in_force(0).kind(KIND, 1_200_000).clone();
    let reached = |first: u64, level: i64| {
        (first..first + 400)
            .filter(|seed| {
                let (readings, _) = race::readings(&null_race(*seed, 8_000), &rules);
                readings.iter().flat_map(|reading| &reading.reached).any(|of| of.level == level)
            })
            .count()
    };
    // The races themselves: exactly, apart from ties of rounded evidence.
    assert!((20..=22).contains(&reached(1, 20)), "{}", reached(1, 20));
    // Other races: within four standard deviations of 20.
    assert!((3..=38).contains(&reached(10_001, 20)), "{}", reached(10_001, 20));
    assert!(kind.thresholds[..4].iter().all(Option::is_some) && kind.thresholds[4..] == [None, None], "{kind:?}");
    assert!(kind.thresholds[..4].is_sorted(), "{kind:?}");
}

#[test]
fn races_count_for_their_kind_and_for_the_wider_ones() {
    let races = [("NZ", Category::Thoroughbred), ("AUS", Category::Thoroughbred), ("AUS", Category::Harness)];
    let races: Vec<RaceFlows> = races
        .into_iter()
        .zip(1..)
        .map(|((country, category), seed)| {
            flows(RaceKind { country: Some(country), category }, &null_race(seed, 9_000), &Rules::default()).0
        })
        .collect();
    let calibration = calibrate(&races);
    let mut kinds: Vec<_> = calibration
        .kinds
        .iter()
        .map(|kind| (kind.country.as_deref(), kind.category.map(Category::letter), kind.races))
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            (None, None, 3),
            (None, Some("H"), 1),
            (None, Some("T"), 2),
            (Some("AUS"), Some("H"), 1),
            (Some("AUS"), Some("T"), 1),
            (Some("NZ"), Some("T"), 1),
        ]
    );
}
