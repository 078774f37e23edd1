//! What a poll says of the race and its runners; what it does not say stays known.

use crate::event::{RaceFacts, Runner};
use crate::state::{Entrant, Meeting, OddsKind, Phase, Race};
use crate::transform::Hold;
use std::borrow::Cow;

pub(crate) fn next_meeting(known: Option<Meeting>, facts: &RaceFacts) -> Option<Meeting> {
    let Some(meeting_id) = &facts.meeting_id else { return known };
    let mut meeting = known
        .filter(|known| known.meeting_id == **meeting_id)
        .unwrap_or_else(|| Meeting { meeting_id: meeting_id.to_string(), ..Meeting::default() });
    keep_text(&mut meeting.name, facts.meeting_name.as_ref());
    keep_text(&mut meeting.country, facts.country.as_ref());
    keep_text(&mut meeting.state, facts.state.as_ref());
    keep_text(&mut meeting.date, facts.date.as_ref());
    if facts.kind == "T" { "thoroughbred" } else { "harness" }.clone_into(&mut meeting.race_type);
    Some(meeting)
}

pub(crate) fn next_race(known: Option<Race>, facts: &RaceFacts, event_us: i64, fetched_us: i64) -> Race {
    let is_first = known.as_ref().is_none_or(|race| race.polled_us == 0);
    let mut race = known.unwrap_or_default();
    if is_first {
        race.polled_us = fetched_us;
        // What a list said of it does not count: the list may as well have come later.
        race.status.clear();
        race.phase = Phase::default();
    }
    let status = facts
        .status
        .clone()
        .or_else(|| (!race.status.is_empty()).then(|| race.status.clone()))
        .unwrap_or_else(|| "Open".to_owned());
    if is_first || status != race.status {
        race.last_status_change_us = Some(event_us);
        race.phase = Phase::of_status(&status).unwrap_or(race.phase);
        match race.phase {
            Phase::Finished => race.finalized_us = race.finalized_us.or(Some(event_us)),
            Phase::Abandoned => race.abandoned_us = race.abandoned_us.or(Some(event_us)),
            Phase::Upcoming | Phase::InProgress => {}
        }
        race.status = status;
    }
    race.start_us = facts.start_us;
    facts.kind.clone_into(&mut race.kind);
    keep_text(&mut race.meeting_id, facts.meeting_id.as_ref());
    keep_text(&mut race.name, facts.name.as_ref());
    keep_text(&mut race.track_condition, facts.track_condition.as_ref());
    keep_text(&mut race.weather, facts.weather.as_ref());
    race.race_number = facts.race_number.or(race.race_number);
    race.distance = facts.distance.or(race.distance);
    race.actual_start_us = facts.actual_start_us.or(race.actual_start_us);
    race.protest = facts.protest.unwrap_or(race.protest);
    race
}

/// What the poll says of a runner; what it does not say stays.
pub(crate) fn update_entrant(entrant: &mut Entrant, runner: &Runner, hold: Option<Hold>) {
    keep_text(&mut entrant.name, runner.name.as_ref());
    keep_text(&mut entrant.jockey, runner.jockey.as_ref());
    keep_text(&mut entrant.trainer_name, runner.trainer_name.as_ref());
    keep_text(&mut entrant.silk_colours, runner.silk_colours.as_ref());
    keep_text(&mut entrant.silk_url_64, runner.silk_url_64.as_ref());
    keep_text(&mut entrant.silk_url_128, runner.silk_url_128.as_ref());
    keep_text(&mut entrant.runner_change, runner.runner_change.as_ref());
    entrant.runner_number = runner.runner_number.or(entrant.runner_number);
    entrant.barrier = runner.barrier.or(entrant.barrier);
    entrant.is_scratched = runner.is_scratched.unwrap_or(entrant.is_scratched);
    entrant.is_late_scratched = runner.is_late_scratched.unwrap_or(entrant.is_late_scratched);
    entrant.scratched_us = runner.scratched_us.or(entrant.scratched_us);
    if runner.is_scratched == Some(false) && !entrant.is_late_scratched {
        // It runs after all.
        entrant.scratched_us = runner.scratched_us;
    }
    entrant.favourite = runner.favourite.unwrap_or(entrant.favourite);
    entrant.mover = runner.mover.unwrap_or(entrant.mover);
    if let Some(odds) = runner.odds {
        for (kind, value) in OddsKind::ALL.into_iter().zip(odds) {
            // 0: the market is not open. Missing: nothing said.
            if let Some(value) = value {
                *entrant.odds.get_mut(kind) = (value > 0).then_some(value);
            }
        }
    }
    if let Some(hold) = hold {
        entrant.hold = hold.hold.or(entrant.hold);
        entrant.bet = hold.bet.or(entrant.bet);
    }
}

fn keep_text(known: &mut Option<String>, said: Option<&Cow<str>>) {
    if let Some(said) = said
        && known.as_deref() != Some(said.as_ref())
    {
        *known = Some(said.to_string());
    }
}
