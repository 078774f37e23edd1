//! Prints the figures and which aims they miss.

use serde::Serialize;

use crate::truth::Measured;

/// Models in which there is no phase.
const WITHOUT_PHASE: [&str; 1] = ["per-request"];

/// The figures of a model, with polls aligned to the refreshes or not. Times are in seconds.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "see Measured")]
pub struct Figure {
    pub model: String,
    pub aligned: bool,
    pub requests_per_race: f64,
    /// Of them, how many came before the next slot.
    pub extra_per_race: f64,
    /// Of them, how many got a state that was known already.
    pub nothing_new_per_race: f64,
    pub missed: f64,
    pub fetched_p50_s: f64,
    pub fetched_p95_s: f64,
    pub committed_p50_s: f64,
    pub committed_p95_s: f64,
    pub visible_p50_s: Option<f64>,
    pub visible_p95_s: Option<f64>,
}

impl Figure {
    /// Summarises what was measured.
    pub fn new(model: &str, aligned: bool, races: usize, missed: f64, measured: &Measured) -> Self {
        let per_race = |count: usize| count as f64 / races as f64;
        let of_some = |list: &[f64], share| quantile(list, share).unwrap_or(f64::NAN);
        Self {
            model: model.to_owned(),
            aligned,
            requests_per_race: per_race(measured.requests),
            extra_per_race: per_race(measured.extra),
            nothing_new_per_race: per_race(measured.nothing_new),
            missed,
            fetched_p50_s: of_some(&measured.fetched, 0.5),
            fetched_p95_s: of_some(&measured.fetched, 0.95),
            committed_p50_s: of_some(&measured.committed, 0.5),
            committed_p95_s: of_some(&measured.committed, 0.95),
            visible_p50_s: quantile(&measured.visible, 0.5),
            visible_p95_s: quantile(&measured.visible, 0.95),
        }
    }
}

/// The value that a share (0 to 1) of a sorted list does not exceed.
fn quantile(list: &[f64], share: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the list")]
    let nth = (list.len() as f64 * share).ceil() as usize;
    list.get(nth.saturating_sub(1)).copied()
}

/// Prints the figures as a Markdown table, and below it what misses its aim.
pub fn print(figures: &[Figure]) {
    println!(
        "\n| model | aligned | age p50 s | p95 s | at commit p50 s | p95 s | visible after p50 s | p95 s | requests per race | extra | nothing new | missed |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for figure in figures {
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {} | {:.1} | {:.1} | {:.1} | {:.0} |",
            figure.model,
            if figure.aligned { "yes" } else { "no" },
            figure.fetched_p50_s,
            figure.fetched_p95_s,
            figure.committed_p50_s,
            figure.committed_p95_s,
            or_dash(figure.visible_p50_s),
            or_dash(figure.visible_p95_s),
            figure.requests_per_race,
            figure.extra_per_race,
            figure.nothing_new_per_race,
            figure.missed,
        );
    }
    println!();
    let busy: f64 = figures.iter().filter(|figure| !figure.aligned).map(|figure| figure.missed).sum();
    if busy > 0.0 {
        println!(
            "{busy:.0} slots were missed without alignment: the machine is too busy; try a lower --speed or --at-once\n"
        );
    }
    for pair in figures.chunks_exact(2) {
        if let [off, on] = pair {
            let missed = missed_aims(off, on);
            println!(
                "{}: {}",
                on.model,
                if missed.is_empty() { "every aim is met".to_owned() } else { missed.join("; ") }
            );
        }
    }
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What a model's figures miss of the aims.
fn missed_aims(off: &Figure, on: &Figure) -> Vec<String> {
    let (p50_max, p95_max) = if WITHOUT_PHASE.contains(&on.model.as_str()) {
        // Two runs of the same thing differ a little.
        (off.fetched_p50_s + 0.1, off.fetched_p95_s + 0.1)
    } else {
        (1.0, 2.5)
    };
    let extra = on.requests_per_race / off.requests_per_race - 1.0;
    let aims = [
        (on.fetched_p50_s <= p50_max, format!("p50 {:.2} s instead of {p50_max:.1}", on.fetched_p50_s)),
        (on.fetched_p95_s <= p95_max, format!("p95 {:.2} s instead of {p95_max:.1}", on.fetched_p95_s)),
        (extra <= 0.05, format!("{:.0} % more requests instead of 5 %", extra * 100.0)),
        (on.missed <= off.missed, format!("{:.0} slots missed instead of {:.0}", on.missed, off.missed)),
    ];
    aims.into_iter().filter(|(met, _)| !met).map(|(_, what)| what).collect()
}
