// The open race: its data, its head, switches, pools and results around the grid.

import { setTitle } from "./alerts.js";
import { get } from "./api.js";
import { paint } from "./bands.js";
import { chart, loadChart } from "./chart.js";
import { isOlder, isRateKnown, now, nzSecond, nzTime, setServerTime } from "./clock.js";
import { byId, el, redraw } from "./dom.js";
import { dollars, join } from "./format.js";
import { FAVOURITE, MOVER, table } from "./grid.js";
import { countdown, markCurrent, meetingName, open, raceName, tick } from "./races.js";
import { takeAlerts } from "./ranges.js";
import { drawReplay, withReplay } from "./replay.js";
import { resultTables } from "./results.js";
import { noChart, shown, state } from "./state.js";
import { store } from "./storage.js";
import { settleTip } from "./tip.js";

const VIEWS = { win: "Win", place: "Place", odds: "Odds" };
const SORTS = { number: "Number", odds: "Odds", money: "Money in" };
const POOLS = {
  win: "Win",
  place: "Place",
  quinella: "Quinella",
  trifecta: "Trifecta",
  exacta: "Exacta",
  first4: "First 4",
};

export async function loadRace(opened) {
  const id = encodeURIComponent(opened.id);
  const { polls } = opened;
  const [race, entrants, pools, runners, navigation, alerts, health] = await Promise.all([
    get(`/api/races/${id}`),
    get(`/api/entrants?raceId=${id}`),
    get(`/api/race-pools?raceId=${id}`),
    get(`/api/signals/runners?raceId=${id}`),
    isNavigationOld(opened) ? get(`/api/races/navigation?raceId=${id}`) : null,
    state.hasAlerts ? null : get(`/api/user-alert-configs?userId=${encodeURIComponent(state.user)}`),
    // The clock's rate takes two responses; later ones come with the lists.
    isRateKnown() ? null : get("/health"),
  ]);
  if (health) setServerTime(health.timestamp);
  if (navigation) Object.assign(opened, { navigation, navigationAt: performance.now() });
  if (alerts) takeAlerts(alerts);
  let results = null;
  if (race) {
    await Promise.all([loadTimeline(opened, entrants), loadChart(opened)]);
    const hasResults = race.phase === "finished" || race.status === "Interim";
    if (hasResults) results = await get(`/api/race-results?raceId=${id}`);
  }
  Object.assign(opened, { results: results ?? opened.results, runners: byEntrant(runners) });
  // What the hub sent meanwhile is newer.
  if (polls === opened.polls) Object.assign(opened, { race, entrants, pools });
  await withReplay(opened);
  if (opened !== state.opened) return;
  if (race) show();
  else showEmpty("There is no such race.");
}

const byEntrant = (runners) => new Map((runners ?? []).map((runner) => [runner.entrant_id, runner]));

// What a poll that the hub sent brings, and after it what the hub does not send.
export async function takePoll(opened, { race, pools, rows }, cursor) {
  const entrants = new Map(opened.entrants.map((entrant) => [entrant.entrant_id, entrant]));
  for (const row of rows) {
    keep(opened, row);
    const entrant = entrants.get(row.entrant_id);
    if (!entrant) continue;
    Object.assign(entrant, {
      win_odds: row.fixed_win_odds,
      place_odds: row.fixed_place_odds,
      pool_win_odds: row.pool_win_odds,
      pool_place_odds: row.pool_place_odds,
      hold_percentage: row.hold_percentage,
    });
  }
  if (cursor) opened.cursor = cursor;
  Object.assign(opened, { race, pools: pools ?? opened.pools, polls: opened.polls + 1 });
  if (opened !== state.opened) return;
  show();
  const runners = await get(`/api/signals/runners?raceId=${encodeURIComponent(opened.id)}`);
  await loadChart(opened);
  opened.runners = byEntrant(runners);
  if (opened === state.opened) show();
}

const keep = (opened, entry) => opened.documents.set(`${entry.entrant_id} ${entry.polling_timestamp}`, entry);

// The next race to start changes once it has started.
function isNavigationOld({ navigation, navigationAt }) {
  const next = navigation?.nextScheduledRace;
  return isOlder(navigationAt, 60000) || Boolean(next && Date.parse(next.start_time) < now());
}

// Loads only what was written since the last page. A poll that was computed again replaces its earlier figures.
async function loadTimeline(opened, entrants) {
  if (!entrants.length) return;
  const raceId = encodeURIComponent(opened.id);
  const ids = entrants.map((entrant) => encodeURIComponent(entrant.entrant_id)).join(",");
  for (;;) {
    const cursor = opened.cursor ? `&cursorAfter=${opened.cursor}` : "";
    const page = await get(`/api/money-flow-timeline?limit=2000&raceId=${raceId}&entrants=${ids}${cursor}`);
    for (const entry of page.documents) keep(opened, entry);
    if (page.next_cursor === null) return;
    opened.cursor = page.next_cursor;
    if (page.total < page.limit) return;
  }
}

function poolTotals() {
  const { pools } = shown();
  if (!pools) return el("p", { class: "empty" }, "No pools yet");
  const pool = (name, cents) => el("div", null, el("dt", null, name), el("dd", null, dollars(cents)));
  const totals = Object.entries(POOLS).map(([key, name]) => pool(name, pools[`${key}_pool_total`]));
  return el("dl", { class: "pools" }, totals, pool("All pools", pools.total_race_pool));
}

function raceHead() {
  const { race, documents } = shown();
  const distance = race.distance ? `${race.distance} m` : null;
  const place = [meetingName(race), nzTime(race.start_time), distance];
  const facts = join([...place, race.track_condition, race.weather, race.status], " · ");
  const polled = Math.max(...[...documents.values()].map((entry) => Date.parse(entry.polling_timestamp)));
  return el(
    "div",
    { class: "race-head" },
    el("h2", null, raceName(race)),
    el("p", null, facts),
    documents.size ? el("p", { class: "polled" }, `polled ${nzSecond(polled)}`) : null,
    countdown(race),
  );
}

function step(race, text, key) {
  const title = race ? `${race.name}, ${race.meeting_name} (${key})` : null;
  const attributes = { type: "button", "data-key": key, disabled: !race, title, onclick: () => open(race) };
  return el("button", attributes, text);
}

// A button that sets a choice of the user's.
function choice(kind, value, name) {
  const attributes = {
    type: "button",
    "data-key": `${kind} ${value}`,
    "aria-pressed": String(state[kind] === value),
    onclick: () => choose(kind, value),
  };
  return el("button", attributes, name);
}

function tools() {
  const { previousRace, nextRace, nextScheduledRace } = state.opened.navigation;
  const group = (label, ...buttons) =>
    el(
      "div",
      { class: "group", role: "group", "aria-label": label },
      el("small", { "aria-hidden": "true" }, label),
      buttons,
    );
  return el(
    "div",
    { class: "tools" },
    group("What the grid shows", ...Object.entries(VIEWS).map(([view, name]) => choice("view", view, name))),
    group("Sorted by", ...Object.entries(SORTS).map(([order, name]) => choice("sort", order, name))),
    group(
      "Other races",
      step(previousRace, "← Previous", "left arrow"),
      step(nextRace, "Next →", "right arrow"),
      step(nextScheduledRace, "Next to start", "N"),
    ),
  );
}

function legend() {
  const meaning =
    state.view === "odds"
      ? "Odds shortened since the interval before, in per cent:"
      : "Share of the interval's money rose over the interval before, in points:";
  const mark = (sign, text) => el("li", null, el("b", { class: "mark" }, sign), text);
  return el(
    "ul",
    { class: "legend" },
    el("li", null, meaning),
    state.alerts.map(legendRange),
    mark(FAVOURITE, " favourite"),
    mark(MOVER, " mover"),
  );
}

function legendRange(range) {
  const { percentage_range_min: min, percentage_range_max: max } = range;
  return el("li", null, paint(el("i", { class: "band" }, max === null ? `${min}+` : `${min}–${max}`), range));
}

function grid() {
  if (!shown().entrants.length) return el("p", { class: "empty" }, "No runners yet");
  const attributes = {
    class: "scroll",
    tabindex: "0",
    role: "region",
    "data-key": "grid",
    "aria-label": "Money flow by runner and minutes to the start",
  };
  return el("div", attributes, table(toggleRunner));
}

export function show() {
  const { race } = shown();
  const main = byId("main");
  const before = scrollState(main.querySelector(".scroll"));
  redraw(
    main,
    ...[raceHead(), resultTables(), tools(), poolTotals(), grid(), legend(), chart(closeRunner)].filter(Boolean),
  );
  main.dataset.shown = race.race_id;
  main.removeAttribute("aria-busy");
  restoreScroll(main.querySelector(".scroll"), before);
  if (state.wantsMain) main.focus();
  state.wantsMain = false;
  setTitle(`${raceName(race)} – Raceday`);
  markCurrent();
  drawReplay();
  settleTip();
  tick();
  openWanted();
}

export function showEmpty(text) {
  const main = byId("main");
  redraw(main, el("p", { class: "empty" }, text));
  main.removeAttribute("aria-busy");
  delete main.dataset.shown;
  drawReplay();
}

// How far the grid is scrolled and whether its newest interval is visible; null if the grid is another race's, or none.
function scrollState(scroll) {
  if (!scroll || byId("main").dataset.shown !== state.opened.id) return null;
  const newest = scroll.querySelector("th.now");
  const right = scroll.scrollLeft + scroll.clientWidth;
  return { left: scroll.scrollLeft, isSeen: !newest || newest.offsetLeft + newest.offsetWidth <= right };
}

// The grid follows its newest interval unless it was scrolled back to earlier ones.
function restoreScroll(scroll, before) {
  if (!scroll) return;
  scroll.scrollLeft = before ? before.left : 0;
  const newest = scroll.querySelector("th.now");
  if (!newest || (before && !before.isSeen) || scrollState(scroll).isSeen) return;
  scroll.scrollLeft = newest.offsetLeft + newest.offsetWidth + 8 - scroll.clientWidth;
}

export function choose(kind, value) {
  state[kind] = value;
  if (kind === "sort") store("sort", value);
  if (state.opened.race) show();
}

// Opens a runner's chart, or closes it.
async function toggleRunner(entrantId) {
  const { opened } = state;
  const isOpen = opened.chart.entrantId === entrantId;
  opened.chart = noChart(isOpen ? null : entrantId);
  show();
  if (isOpen) return;
  await loadChart(opened).catch(() => null);
  if (opened !== state.opened || opened.chart.entrantId !== entrantId) return;
  show();
  byId("chart").scrollIntoView({ block: "nearest" });
}

function closeRunner() {
  const { entrantId } = state.opened.chart;
  state.opened.chart = noChart();
  show();
  document.querySelector(`[data-key="runner ${CSS.escape(entrantId)}"]`)?.focus();
}

// A runner chosen on the board opens with its race.
function openWanted() {
  const wanted = state.wantsRunner;
  if (wanted?.raceId !== state.opened.id) return;
  state.wantsRunner = null;
  if (state.opened.chart.entrantId !== wanted.entrantId) toggleRunner(wanted.entrantId);
}
