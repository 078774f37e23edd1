//! The figures as a table.

use std::ops::Range;

use super::figures::{Figures, Rate, SHARES};

/// Prints the figures, one band after the other.
pub fn print(all: &[Figures]) {
    let classes: Vec<String> = SHARES.iter().map(class_of).collect();
    let classes = classes.iter().fold(String::new(), |line, class| format!("{line}{class:>9}"));
    let mut pool = "";
    for figures in all {
        if figures.pool != pool {
            pool = figures.pool;
            let (null, plunges) = (figures.false_alarms.of, figures.power.of);
            println!(
                "\n{pool}: {null} races without a plunge, {plunges} with one in the win pool, {} in exotics only",
                figures.power_exotics_only.of
            );
            println!(
                "{:<30}{:>6}{:>25}{:>9}{classes}{:>9}{:>9}{:>8}",
                "", "AUC", "false alarms", "power", "wrong", "exotics", "delay"
            );
        }
        let by_share = figures.power_by_share.iter().map(|class| percent(&class.power));
        let by_share = by_share.fold(String::new(), |line, power| format!("{line}{power:>9}"));
        let alarms = &figures.false_alarms;
        let alarms = format!("{} ({:.1} to {:.1})", percent(alarms), alarms.low * 100.0, alarms.high * 100.0);
        let delay = figures.median_delay_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
        println!(
            "{:<30}{:>6.3}{alarms:>25}{:>9}{by_share}{:>9}{:>9}{delay:>8}",
            figures.detector,
            figures.auc,
            percent(&figures.power),
            percent(&figures.wrong_runner),
            percent(&figures.power_exotics_only),
        );
    }
}

fn class_of(percent: &Range<u8>) -> String {
    if percent.end == 100 { format!(">= {} %", percent.start) } else { format!("{}-{} %", percent.start, percent.end) }
}

fn percent(rate: &Rate) -> String {
    format!("{:.1} %", rate.rate * 100.0)
}
