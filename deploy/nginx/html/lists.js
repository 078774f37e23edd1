// The lists beside the race: the next races, and the day's meetings with theirs.

import { get } from "./api.js";
import { isOlder, now, nzDay, nzTime, setServerTime } from "./clock.js";
import { byId, el, redraw } from "./dom.js";
import { join } from "./format.js";
import { show } from "./race.js";
import { countdown, isOver, markCurrent, meetingName, raceHash, raceLink, raceNumber } from "./races.js";
import { state } from "./state.js";

// Loads the next races, and of the meetings only what can have changed, to stay well within a client's rate limit.
export async function loadDay() {
  const [health, upcoming] = await Promise.all([
    get("/health"),
    get("/api/races/upcoming?windowMinutes=480&lookbackMinutes=5&limit=10"),
  ]);
  setServerTime(health.timestamp);
  const isKnown = (race) => state.meetings.has(race.meeting_id);
  const isOld = isOlder(state.meetingsAt, 300000) || state.today !== nzDay(now());
  if (isOld || !upcoming.races.every(isKnown)) await loadMeetings();
  await Promise.all([...state.meetings.keys()].map((id) => loadRacesOf(id, upcoming.races)));
  state.isBehind = health.workers === "degraded";
  state.dayAt = performance.now();
  state.upcoming = upcoming.races;
  drawNext(state.upcoming);
  drawMeetings(upcoming.races);
  if (!state.opened.id && upcoming.races.length && !location.hash) openFirst(upcoming.races);
  if (state.opened.race) show();
  markCurrent();
}

async function loadMeetings() {
  const today = nzDay(now());
  let meetings = await get(`/api/meetings?date=${today}`);
  if (meetings.length === 0) {
    const all = await get("/api/meetings");
    const day = all.length ? all[all.length - 1].date : null;
    meetings = all.filter((meeting) => meeting.date === day);
  }
  state.meetings = new Map(meetings.map((meeting) => [meeting.meeting_id, meeting]));
  state.today = today;
  state.day = meetings.length ? meetings[0].date : "";
  // Without any meetings, look again each time.
  state.meetingsAt = meetings.length ? performance.now() : null;
}

// Reloads a meeting's races often while one is running; before that, whatever changes is among the next races.
async function loadRacesOf(meetingId, next) {
  const known = state.races.get(meetingId);
  const isMissing = (race) =>
    race.meeting_id === meetingId && !known.list.some((other) => other.race_id === race.race_id);
  const isRunning = (race) => !isOver(race) && Date.parse(race.start_time) < now();
  if (known && !isOlder(known.at, known.list.some(isRunning) ? 120000 : 300000) && !next.some(isMissing)) return;
  const list = (await get(`/api/races?meetingId=${encodeURIComponent(meetingId)}`)) || [];
  state.races.set(meetingId, { list, at: performance.now() });
}

// Opens the next race to start, late or not; one that has started is listed only to look back at.
function openFirst(races) {
  const next = races.find((race) => race.phase === "upcoming") || races[0];
  location.replace(raceHash(next.race_id));
}

// The next races as the hub sends them: without late ones, which stay as they are known until the lists are read again.
export function takeNext(races) {
  const known = new Map([...state.upcoming, ...races].map((race) => [race.race_id, race]));
  state.upcoming = [...known.values()].sort((a, b) => a.start_time.localeCompare(b.start_time)).slice(0, 12);
  drawNext(state.upcoming);
}

// Those that have started, or are late, come last.
function drawNext(races) {
  const isStarted = (race) => race.phase !== "upcoming" || Date.parse(race.start_time) < now();
  redraw(byId("next"), ...races.toSorted((a, b) => isStarted(a) - isStarted(b)).map(nextRace));
  markCurrent();
  if (!races.length) byId("next").append(el("li", { class: "empty" }, "No race in the next eight hours"));
}

function nextRace(race) {
  const place = join([meetingName(race), raceNumber(race)], " ");
  const started = race.phase === "upcoming" ? null : "started";
  const details = join([nzTime(race.start_time), started, race.name], " ");
  return el(
    "li",
    { class: started },
    raceLink(race, el("span", null, place), countdown(race), el("small", null, details)),
  );
}

function drawMeetings(upcoming) {
  // The next races and the open one are loaded more often than the meetings' races.
  const latest = [...upcoming, state.opened.race].filter(Boolean);
  const newest = new Map(latest.map((race) => [race.race_id, race]));
  const meetings = [...state.meetings.values()];
  redraw(byId("meetings"), ...meetings.map((meeting) => meetingBlock(meeting, newest)));
  if (!meetings.length) byId("meetings").append(el("p", { class: "empty" }, "No meetings yet"));
}

function meetingBlock(meeting, newest) {
  const facts = join([meeting.country, meeting.race_type, meeting.track_condition, meeting.weather], " · ");
  const races = state.races.get(meeting.meeting_id).list.map((race) => newest.get(race.race_id) || race);
  const numbers = races.map((race) => raceLink(race, String(race.race_number)));
  return el(
    "div",
    { class: "meeting" },
    el("h3", null, meeting.meeting_name, el("small", null, facts)),
    el("div", { class: "numbers" }, numbers),
  );
}
