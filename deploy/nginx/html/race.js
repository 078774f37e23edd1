// The open race: its data, its head, switches, pools and results around the grid.

import { setTitle } from "./alerts.js";
import { get } from "./api.js";
import { chart, loadChart } from "./chart.js";
import { isOlder, isRateKnown, now, nzSecond, nzTime, setServerTime } from "./clock.js";
import { byId, el, redraw } from "./dom.js";
import { dollars, join } from "./format.js";
import { FAVOURITE, MOVER, table } from "./grid.js";
import { countdown, markCurrent, meetingName, open, raceName, tick } from "./races.js";
import { noChart, state } from "./state.js";
import { settleTip } from "./tip.js";

const VIEWS = { win: "Win", place: "Place", odds: "Odds" };
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
  const [race, entrants, pools, runners, navigation, alerts, health] = await Promise.all([
    get(`/api/races/${id}`),
    get(`/api/entrants?raceId=${id}`),
    get(`/api/race-pools?raceId=${id}`),
    get(`/api/signals/runners?raceId=${id}`),
    isNavigationOld(opened) ? get(`/api/races/navigation?raceId=${id}`) : null,
    state.hasAlerts ? null : get("/api/user-alert-configs"),
    // The clock's rate takes two responses; later ones come with the lists.
    isRateKnown() ? null : get("/health"),
  ]);
  if (health) setServerTime(health.timestamp);
  if (navigation) Object.assign(opened, { navigation, navigationAt: performance.now() });
  if (alerts) {
    const enabled = alerts.indicators.filter((indicator) => indicator.enabled);
    Object.assign(state, { alerts: enabled, hasAlerts: true });
  }
  let results = null;
  if (race) {
    await Promise.all([loadTimeline(opened, entrants), loadChart(opened)]);
    const hasResults = race.phase === "finished" || race.status === "Interim";
    if (hasResults) results = await get(`/api/race-results?raceId=${id}`);
  }
  const byEntrant = new Map((runners ?? []).map((runner) => [runner.entrant_id, runner]));
  Object.assign(opened, { race, entrants, pools, results, runners: byEntrant });
  if (opened !== state.opened) return;
  if (race) show();
  else showEmpty("There is no such race.");
}

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
    for (const entry of page.documents) {
      opened.documents.set(`${entry.entrant_id} ${entry.polling_timestamp}`, entry);
    }
    if (page.next_cursor === null) return;
    opened.cursor = page.next_cursor;
    if (page.total < page.limit) return;
  }
}

function poolTotals() {
  const { pools } = state.opened;
  if (!pools) return el("p", { class: "empty" }, "No pools yet");
  const pool = (name, cents) => el("div", null, el("dt", null, name), el("dd", null, dollars(cents)));
  const totals = Object.entries(POOLS).map(([key, name]) => pool(name, pools[`${key}_pool_total`]));
  return el("dl", { class: "pools" }, totals, pool("All pools", pools.total_race_pool));
}

function resultLine() {
  const { results } = state.opened;
  if (!results?.results_data?.length) return null;
  const placed = results.results_data.map(
    (runner) => `${runner.position}. ${runner.name || ""} (${runner.runner_number})`,
  );
  return el("p", { class: "results" }, `Result (${results.result_status || "interim"}): ${placed.join("  ")}`);
}

function raceHead() {
  const { race, documents } = state.opened;
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

function viewButton([view, name]) {
  const pressed = String(state.view === view);
  const attributes = { type: "button", "data-key": view, "aria-pressed": pressed, onclick: () => choose(view) };
  return el("button", attributes, name);
}

function tools() {
  const { previousRace, nextRace, nextScheduledRace } = state.opened.navigation;
  const group = (label, ...buttons) => el("div", { class: "group", role: "group", "aria-label": label }, ...buttons);
  return el(
    "div",
    { class: "tools" },
    group("What the grid shows", Object.entries(VIEWS).map(viewButton)),
    group(
      "Other races",
      step(previousRace, "← Previous", "left arrow"),
      step(nextRace, "Next →", "right arrow"),
      step(nextScheduledRace, "Next to start", "N"),
    ),
  );
}

function legend() {
  const isOdds = state.view === "odds";
  const meaning = isOdds ? "Odds shortened since the previous interval:" : "Share of the interval's money:";
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
  const swatch = el("i");
  swatch.style.backgroundColor = range.color;
  const end = range.percentage_range_max === null ? " % or more" : `–${range.percentage_range_max} %`;
  return el("li", null, swatch, range.percentage_range_min + end);
}

function grid() {
  if (!state.opened.entrants.length) return el("p", { class: "empty" }, "No runners yet");
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
  const { race } = state.opened;
  const main = byId("main");
  const before = scrollState(main.querySelector(".scroll"));
  redraw(
    main,
    ...[raceHead(), tools(), resultLine(), poolTotals(), grid(), chart(closeRunner), legend()].filter(Boolean),
  );
  main.dataset.shown = race.race_id;
  main.removeAttribute("aria-busy");
  restoreScroll(main.querySelector(".scroll"), before);
  if (state.wantsMain) main.focus();
  state.wantsMain = false;
  setTitle(`${raceName(race)} – Raceday`);
  markCurrent();
  settleTip();
  tick();
  openWanted();
}

export function showEmpty(text) {
  const main = byId("main");
  redraw(main, el("p", { class: "empty" }, text));
  main.removeAttribute("aria-busy");
  delete main.dataset.shown;
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

export function choose(view) {
  state.view = view;
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
