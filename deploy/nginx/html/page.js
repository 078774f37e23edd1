"use strict";
// A race day in the browser, from the REST contract alone.

const $ = (id) => document.getElementById(id);
const INTERVALS = [60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0];
const VIEWS = { win: "Win", place: "Place", odds: "Odds" };
const state = { raceId: null, view: "win", documents: [], cursor: null, alerts: [], clock: null, navigation: null, race: null, timer: null };

// Elements by name, attributes and children; text goes in as text.
function el(name, attributes, ...children) {
  const svg = name === "svg" || name === "polyline" || name === "title";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "onclick") node.addEventListener("click", value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(answer.status === 429 ? "Too many requests, slowing down" : "The server answers " + answer.status);
  return answer.json();
}

// The server's clock, which a demo may run faster than ours.
function tellTime(timestamp) {
  const server = Date.parse(timestamp);
  const local = performance.now();
  const last = state.clock;
  let rate = last ? last.rate : 1;
  if (last && local - last.local > 2000) rate = Math.min(600, Math.max(0.1, (server - last.server) / (local - last.local)));
  if (Math.abs(rate - 1) < 0.05) rate = 1;
  if (!last || local - last.local > 2000) state.clock = { server, local, rate };
}
function now() {
  return state.clock ? state.clock.server + (performance.now() - state.clock.local) * state.clock.rate : Date.now();
}
const nzDay = (at) => new Intl.DateTimeFormat("en-CA", { timeZone: "Pacific/Auckland" }).format(at);
const nzTime = (text) => new Intl.DateTimeFormat("en-NZ", { timeZone: "Pacific/Auckland", hour: "2-digit", minute: "2-digit", hour12: false }).format(Date.parse(text));

function countdownText(startTime) {
  const seconds = Math.floor((Date.parse(startTime) - now()) / 1000);
  const size = Math.abs(seconds);
  const clock = size >= 3600
    ? Math.floor(size / 3600) + "h " + String(Math.floor(size / 60) % 60).padStart(2, "0") + "m"
    : Math.floor(size / 60) + ":" + String(size % 60).padStart(2, "0");
  return (seconds < 0 ? "-" : "") + clock;
}
function countdown(race) {
  if (race.phase === "finished" || race.phase === "abandoned") return el("span", { class: "countdown" }, race.status);
  return el("span", { class: "countdown", "data-start": race.start_time }, countdownText(race.start_time));
}
function tick() {
  for (const node of document.querySelectorAll("[data-start]")) {
    node.textContent = countdownText(node.dataset.start);
    node.classList.toggle("soon", Date.parse(node.dataset.start) - now() < 300000);
  }
}

const dollars = (cents) => cents === null || cents === undefined ? "–" : (cents / 100).toLocaleString("en-NZ", { style: "currency", currency: "NZD", currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 });
const odds = (value) => value === null || value === undefined ? "–" : value.toFixed(2);

// Meetings and the next races.
async function loadDay() {
  const health = await get("/health");
  tellTime(health.timestamp);
  let meetings = await get("/api/meetings?date=" + nzDay(now()));
  if (meetings.length === 0) {
    const all = await get("/api/meetings");
    const day = all.length ? all[all.length - 1].date : null;
    meetings = all.filter((meeting) => meeting.date === day);
  }
  const [upcoming, ...races] = await Promise.all([
    get("/api/races/upcoming?windowMinutes=480&lookbackMinutes=5&limit=10"),
    ...meetings.map((meeting) => get("/api/races?meetingId=" + encodeURIComponent(meeting.meeting_id))),
  ]);
  const names = new Map(meetings.map((meeting) => [meeting.meeting_id, meeting.meeting_name]));
  $("next").replaceChildren(...upcoming.races.map((race) => el("li", null, raceLink(race,
    el("span", null, race.name, el("small", null, (names.get(race.meeting_id) || "") + " " + nzTime(race.start_time))), countdown(race)))));
  if (!upcoming.races.length) $("next").append(el("li", { class: "empty" }, "No race in the next eight hours"));
  $("meetings").replaceChildren(...meetings.map((meeting, i) => el("div", { class: "meeting" },
    el("h3", null, meeting.meeting_name, el("small", null, [meeting.country, meeting.race_type, meeting.track_condition, meeting.weather].filter(Boolean).join(" · "))),
    el("div", { class: "numbers" }, races[i].map((race) => raceLink(race, String(race.race_number)))))));
  if (!meetings.length) $("meetings").append(el("p", { class: "empty" }, "No meetings yet"));
  say(health.workers === "degraded" ? "Polling is behind" : (meetings[0] ? meetings[0].date : ""), health.workers === "degraded");
  if (!state.raceId && upcoming.races.length && !location.hash) location.replace("#race/" + encodeURIComponent(upcoming.races[0].race_id));
  markCurrent();
}
function raceLink(race, ...children) {
  return el("a", { href: "#race/" + encodeURIComponent(race.race_id), class: race.phase, "data-race": race.race_id,
    title: race.name + ", " + nzTime(race.start_time) + ", " + race.status }, ...children);
}
function markCurrent() {
  for (const link of document.querySelectorAll("[data-race]")) {
    if (link.dataset.race === state.raceId) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
function say(text, bad) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", Boolean(bad));
}

// One race.
async function loadRace() {
  const raceId = state.raceId;
  const id = encodeURIComponent(raceId);
  const [race, navigation, entrants, pools, alerts, health] = await Promise.all([
    get("/api/races/" + id), get("/api/races/navigation?raceId=" + id), get("/api/entrants?raceId=" + id),
    get("/api/race-pools?raceId=" + id), state.alerts.length ? null : get("/api/user-alert-configs"), get("/health"),
  ]);
  tellTime(health.timestamp);
  if (alerts) state.alerts = alerts.indicators.filter((indicator) => indicator.enabled);
  if (raceId !== state.raceId) return;
  if (!race) {
    $("main").replaceChildren(el("p", { class: "empty" }, "There is no such race."));
    return;
  }
  await loadTimeline(id, entrants);
  const results = race.phase === "finished" || race.status === "Interim" ? await get("/api/race-results?raceId=" + id) : null;
  if (raceId !== state.raceId) return;
  Object.assign(state, { race, navigation, entrants, pools, results });
  show();
}
// Only what was written since the last page.
async function loadTimeline(id, entrants) {
  if (!entrants.length) return;
  const ids = entrants.map((entrant) => encodeURIComponent(entrant.entrant_id)).join(",");
  for (;;) {
    const page = await get("/api/money-flow-timeline?limit=2000&raceId=" + id + "&entrants=" + ids + (state.cursor ? "&cursorAfter=" + state.cursor : ""));
    state.documents.push(...page.documents);
    if (page.next_cursor === null) return;
    state.cursor = page.next_cursor;
    if (page.total < page.limit) return;
  }
}
// The last document of each runner in each interval, and each runner's odds in their order.
function grid() {
  const cells = new Map();
  const lines = new Map();
  for (const d of state.documents.slice().sort((a, b) => a.id - b.id)) {
    cells.set(d.entrant_id + " " + d.time_interval, d);
    if (!lines.has(d.entrant_id)) lines.set(d.entrant_id, []);
    const value = state.view === "place" ? d.fixed_place_odds : d.fixed_win_odds;
    if (value !== null) lines.get(d.entrant_id).push(value);
  }
  const seen = new Set(state.documents.map((d) => d.time_interval));
  const after = [...seen].filter((minutes) => minutes < 0).sort((a, b) => b - a);
  const columns = INTERVALS.filter((minutes) => minutes <= 5 || seen.has(minutes) || seen.size === 0).concat(after);
  return { cells, lines, columns, newest: seen.size ? Math.min(...seen) : null };
}
const moneyOf = (d) => d ? (state.view === "place" ? d.incremental_place_amount : d.incremental_win_amount) : null;
function colour(share) {
  const found = state.alerts.find((range) => share >= range.percentage_range_min && (range.percentage_range_max === null || share < range.percentage_range_max));
  return found ? found.color : null;
}
function cell(entrant, minutes, columns, g, totals) {
  const d = g.cells.get(entrant.entrant_id + " " + minutes);
  if (state.view === "odds") {
    const before = columns.slice(0, columns.indexOf(minutes)).reverse().map((m) => g.cells.get(entrant.entrant_id + " " + m)).find(Boolean);
    const shortened = d && before && d.fixed_win_odds && before.fixed_win_odds ? (before.fixed_win_odds - d.fixed_win_odds) / before.fixed_win_odds * 100 : 0;
    return lit(el("td", null, d ? odds(d.fixed_win_odds) : ""), colour(shortened), d && before ? shortened.toFixed(1) + " % shorter" : null);
  }
  const cents = moneyOf(d);
  const total = totals.get(minutes);
  const share = cents > 0 && total > 0 ? cents / total * 100 : 0;
  const td = el("td", { class: cents < 0 ? "minus" : null }, cents === null || cents === undefined ? "" : cents === 0 ? "·" : dollars(cents));
  return lit(td, colour(share), share ? share.toFixed(1) + " % of the interval's money" : null);
}
function lit(td, background, title) {
  if (background) {
    td.style.backgroundColor = background;
    td.classList.add("lit");
  }
  if (title) td.title = title;
  return td;
}
function spark(values, name) {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, i) => (i / (values.length - 1) * 84).toFixed(1) + "," + (20 - (value - low) / span * 18).toFixed(1)).join(" ");
  return el("svg", { class: "spark", viewBox: "0 0 84 22", role: "img" },
    el("title", null, "Odds of " + name + " from " + odds(values[0]) + " to " + odds(values[values.length - 1])), el("polyline", { points }));
}
function row(entrant, g, totals) {
  const place = state.view === "place";
  return el("tr", { class: entrant.is_scratched ? "scratched" : null },
    el("th", { scope: "row", class: "runner", title: [entrant.name, entrant.jockey, entrant.trainer_name].filter(Boolean).join(", ") },
      el("b", null, entrant.runner_number === null ? "" : String(entrant.runner_number)), " ", el("span", null, entrant.name || ""),
      entrant.favourite ? el("span", { class: "mark" }, "fav") : null, entrant.mover ? el("span", { class: "mark" }, "mover") : null),
    el("td", null, entrant.is_scratched ? "scr" : odds(place ? entrant.place_odds : entrant.win_odds)),
    el("td", null, odds(place ? entrant.pool_place_odds : entrant.pool_win_odds)),
    el("td", null, entrant.hold_percentage === null ? "–" : entrant.hold_percentage.toFixed(1) + "%"),
    el("td", null, spark(g.lines.get(entrant.entrant_id) || [], entrant.name)),
    g.columns.map((minutes) => cell(entrant, minutes, g.columns, g, totals)));
}
function table() {
  const g = grid();
  const totals = new Map(g.columns.map((minutes) => [minutes, state.entrants.reduce((sum, e) => sum + Math.max(0, moneyOf(g.cells.get(e.entrant_id + " " + minutes)) || 0), 0)]));
  const head = ["Fixed", "Tote", "Hold", "Trend"].map((text) => el("th", { scope: "col" }, text));
  return el("table", null,
    el("thead", null, el("tr", null, el("th", { scope: "col", class: "runner" }, "Runner"), head,
      g.columns.map((minutes) => el("th", { scope: "col", class: minutes === g.newest ? "now" : null, title: "minutes to the start" }, String(minutes).replace("-", "−"))))),
    el("tbody", null, state.entrants.map((entrant) => row(entrant, g, totals))));
}
function poolTotals() {
  const p = state.pools;
  if (!p) return el("p", { class: "empty" }, "No pools yet");
  return el("dl", { class: "pools" }, [["Win", "win"], ["Place", "place"], ["Quinella", "quinella"], ["Trifecta", "trifecta"], ["Exacta", "exacta"], ["First 4", "first4"]]
    .map(([name, key]) => el("div", null, el("dt", null, name), el("dd", null, dollars(p[key + "_pool_total"])))),
    el("div", null, el("dt", null, "All pools"), el("dd", null, dollars(p.total_race_pool))));
}
function resultLine() {
  if (!state.results || !state.results.results_data || !state.results.results_data.length) return null;
  const placed = state.results.results_data.map((r) => r.position + ". " + (r.name || "") + " (" + r.runner_number + ")").join("  ");
  return el("p", { class: "results" }, "Result (" + (state.results.result_status || "interim") + "): " + placed);
}
function step(race, text, key) {
  return el("button", { type: "button", disabled: !race, title: race ? race.name + ", " + race.meeting_name + " (" + key + ")" : null, onclick: () => open(race) }, text);
}
function show() {
  const { race, navigation } = state;
  const main = $("main");
  const scroll = main.querySelector(".scroll");
  const left = scroll ? scroll.scrollLeft : 0;
  const focus = document.activeElement && main.contains(document.activeElement) ? document.activeElement.textContent : null;
  main.replaceChildren(
    el("div", { class: "race-head" }, el("h2", null, "R" + race.race_number + " " + race.name),
      el("p", null, [nzTime(race.start_time), race.distance ? race.distance + " m" : null, race.track_condition, race.weather, race.status].filter(Boolean).join(" · ")), countdown(race)),
    el("div", { class: "tools" },
      el("div", { class: "group", role: "group", "aria-label": "What the grid shows" },
        Object.entries(VIEWS).map(([view, name]) => el("button", { type: "button", "aria-pressed": String(state.view === view), onclick: () => choose(view) }, name))),
      el("div", { class: "group", role: "group", "aria-label": "Other races" },
        step(navigation.previousRace, "← Before", "left arrow"), step(navigation.nextRace, "After →", "right arrow"), step(navigation.nextScheduledRace, "Next to start", "N"))),
    ...[resultLine(), poolTotals()].filter(Boolean),
    state.entrants.length ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Money flow by runner and minutes to the start" }, table()) : el("p", { class: "empty" }, "No runners yet"),
    el("ul", { class: "legend" }, el("li", null, state.view === "odds" ? "Shortened since the interval before:" : "Share of the interval's money:"),
      state.alerts.map((range) => {
        const swatch = el("i");
        swatch.style.backgroundColor = range.color;
        return el("li", null, swatch, range.percentage_range_min + (range.percentage_range_max === null ? " % and more" : "–" + range.percentage_range_max + " %"));
      })));
  const grown = main.querySelector(".scroll");
  // A race that is opened shows its newest intervals, one that is refreshed stays where it was scrolled to.
  if (grown) grown.scrollLeft = scroll ? left : grown.querySelector("th.now") ? grown.querySelector("th.now").offsetLeft - grown.clientWidth + 90 : 0;
  if (focus) [...main.querySelectorAll("button")].find((button) => button.textContent === focus)?.focus();
  document.title = "R" + race.race_number + " " + race.name + " – Raceday";
  markCurrent();
  tick();
}
function choose(view) {
  state.view = view;
  if (state.race) show();
}
function open(race) {
  if (race) location.hash = "#race/" + encodeURIComponent(race.race_id);
}

// The race's own cadence: 15 s in the last five minutes and after the start, 30 s from 15, else 60.
function cadence() {
  const race = state.race;
  if (!race || race.phase === "finished" || race.phase === "abandoned") return 60000;
  const seconds = (Date.parse(race.start_time) - now()) / 1000;
  const every = seconds <= 300 ? 15000 : seconds <= 900 ? 30000 : 60000;
  return Math.max(3000, every / (state.clock ? state.clock.rate : 1));
}
async function refresh() {
  clearTimeout(state.timer);
  try {
    if (state.raceId) await loadRace();
    if (!state.dayAt || performance.now() - state.dayAt > 30000) {
      await loadDay();
      state.dayAt = performance.now();
    }
  } catch (error) {
    say(error.message, true);
  }
  clearTimeout(state.timer);
  state.timer = setTimeout(refresh, document.hidden ? 60000 : cadence());
}
function route() {
  const raceId = location.hash.startsWith("#race/") ? decodeURIComponent(location.hash.slice(6)) : null;
  if (raceId !== state.raceId) Object.assign(state, { raceId, documents: [], cursor: null, race: null });
  if (!raceId && location.hash === "") $("main").replaceChildren(el("p", { class: "empty" }, "Choose a race."));
  markCurrent();
  refresh();
}
function theme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem("raceday-theme", name); } catch { /* private mode keeps nothing */ }
}
function startTheme() {
  let kept = null;
  try { kept = localStorage.getItem("raceday-theme"); } catch { /* as above */ }
  document.documentElement.dataset.theme = kept || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}
const toggleTheme = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inGrid = event.target.classList && event.target.classList.contains("scroll");
  const keys = { w: () => choose("win"), p: () => choose("place"), o: () => choose("odds"), t: toggleTheme,
    n: () => open(state.navigation && state.navigation.nextScheduledRace) };
  if (!inGrid) {
    keys.ArrowLeft = () => open(state.navigation && state.navigation.previousRace);
    keys.ArrowRight = () => open(state.navigation && state.navigation.nextRace);
  }
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
});
startTheme();
$("theme").addEventListener("click", toggleTheme);
addEventListener("hashchange", route);
setInterval(tick, 500);
route();
