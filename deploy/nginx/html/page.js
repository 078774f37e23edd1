"use strict";
// A race day in the browser, from the REST contract alone.

const $ = (id) => document.getElementById(id);
const INTERVALS = [60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0];
const FAVOURITE = "★";
const MOVER = "▲";
const VIEWS = { win: "Win", place: "Place", odds: "Odds" };
// What is known of the race that is open. A new object for each race opened: an answer that comes late fills one that is no longer shown.
const nothingOf = (id) => ({ id, race: null, navigation: null, navigationAt: null, entrants: [], pools: null, results: null, documents: new Map(), cursor: null });
const state = { opened: nothingOf(null), view: "win", alerts: [], hasAlerts: false, clock: null, meetings: new Map(), meetingsAt: null, races: new Map(),
  today: "", day: "", dayAt: null, isBehind: false, trouble: null, loadedAt: null, wantsMain: false, timer: null };

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

// Puts children in the place of those there are; the focus stays on what has the same key.
function redraw(container, ...children) {
  const focused = document.activeElement;
  const hadFocus = focused !== container && container.contains(focused);
  container.replaceChildren(...children);
  if (!hadFocus) return;
  const keyed = [...container.querySelectorAll("[data-key]:not(:disabled)")];
  (keyed.find((node) => node.dataset.key === focused.dataset.key) || keyed[0] || $("main")).focus({ preventScroll: true });
}

// An answer of the API, null when there is no such thing; an error says why there is none and when to ask again.
async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer && answer.status === 404) return null;
  if (answer && answer.ok) return answer.json();
  if (answer && answer.status === 429) throw Object.assign(new Error("Too many requests"), { againMs: 20000 });
  throw Object.assign(new Error(answer ? "The server has no figures now (" + answer.status + ")" : "No connection to the server"), { againMs: 5000 });
}

// The server's clock, which a demo may run faster than ours.
function tellTime(timestamp) {
  const server = Date.parse(timestamp);
  const local = performance.now();
  const last = state.clock;
  if (last && local - last.local <= 2000) return;
  let rate = 1;
  if (last) rate = Math.min(600, Math.max(0.1, (server - last.server) / (local - last.local)));
  if (Math.abs(rate - 1) < 0.05) rate = 1;
  state.clock = { server, local, rate, isMeasured: Boolean(last) };
}
// How long to wait for what the server's clock counts, in our milliseconds.
const untilThen = (serverMs) => Math.max(3000, serverMs / (state.clock ? state.clock.rate : 1));
const isOlder = (at, serverMs) => at === null || performance.now() - at > untilThen(serverMs);
function now() {
  return state.clock ? state.clock.server + (performance.now() - state.clock.local) * state.clock.rate : Date.now();
}
const nzDay = (at) => new Intl.DateTimeFormat("en-CA", { timeZone: "Pacific/Auckland" }).format(at);
const nzTime = (text) => new Intl.DateTimeFormat("en-NZ", { timeZone: "Pacific/Auckland", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(Date.parse(text));
const nzSecond = (at) => new Intl.DateTimeFormat("en-NZ", { timeZone: "Pacific/Auckland", timeStyle: "medium", hourCycle: "h23" }).format(at);

const isOver = (race) => race.phase === "finished" || race.phase === "abandoned";
function countdownText(startTime) {
  const seconds = Math.floor((Date.parse(startTime) - now()) / 1000);
  const size = Math.abs(seconds);
  const clock = size >= 3600
    ? Math.floor(size / 3600) + "h " + String(Math.floor(size / 60) % 60).padStart(2, "0") + "m"
    : Math.floor(size / 60) + ":" + String(size % 60).padStart(2, "0");
  return (seconds < 0 ? "-" : "") + clock;
}
function countdown(race) {
  if (isOver(race)) return el("span", { class: "countdown" }, race.status);
  return el("span", { class: "countdown", "data-start": race.start_time }, countdownText(race.start_time));
}
function tick() {
  for (const node of document.querySelectorAll("[data-start]")) {
    node.textContent = countdownText(node.dataset.start);
    node.classList.toggle("soon", Date.parse(node.dataset.start) - now() < 300000);
  }
}

const dollars = (cents) => cents === null || cents === undefined ? "–" : (cents / 100).toLocaleString("en-NZ", { style: "currency", currency: "NZD", currencyDisplay: "narrowSymbol", maximumFractionDigits: 0, signDisplay: "negative" });
const odds = (value) => value === null || value === undefined ? "–" : value.toFixed(2);

// The next races, and of the meetings what can have changed. All that the page asks must stay well within a client's limit of requests.
async function loadDay() {
  const [health, upcoming] = await Promise.all([get("/health"), get("/api/races/upcoming?windowMinutes=480&lookbackMinutes=5&limit=10")]);
  tellTime(health.timestamp);
  if (isOlder(state.meetingsAt, 300000) || state.today !== nzDay(now()) || !upcoming.races.every((race) => state.meetings.has(race.meeting_id))) await loadMeetings();
  const meetings = [...state.meetings.values()];
  await Promise.all(meetings.map((meeting) => loadRacesOf(meeting.meeting_id, upcoming.races)));
  state.isBehind = health.workers === "degraded";
  state.dayAt = performance.now();
  redraw($("next"), ...upcoming.races.map(nextRace));
  if (!upcoming.races.length) $("next").append(el("li", { class: "empty" }, "No race in the next eight hours"));
  // These are read more often than the meetings' races.
  const newest = new Map([...upcoming.races, state.opened.race].filter(Boolean).map((race) => [race.race_id, race]));
  redraw($("meetings"), ...meetings.map((meeting) => el("div", { class: "meeting" },
    el("h3", null, meeting.meeting_name, el("small", null, [meeting.country, meeting.race_type, meeting.track_condition, meeting.weather].filter(Boolean).join(" · "))),
    el("div", { class: "numbers" }, state.races.get(meeting.meeting_id).list.map((race) => newest.get(race.race_id) || race).map((race) => raceLink(race, String(race.race_number)))))));
  if (!meetings.length) $("meetings").append(el("p", { class: "empty" }, "No meetings yet"));
  if (!state.opened.id && upcoming.races.length && !location.hash) {
    // The next to jump, late or not; one that has begun is only looked back at.
    const next = upcoming.races.find((race) => race.phase === "upcoming") || upcoming.races[0];
    location.replace("#race/" + encodeURIComponent(next.race_id));
  }
  if (state.opened.race) show();
  markCurrent();
}
async function loadMeetings() {
  const today = nzDay(now());
  let meetings = await get("/api/meetings?date=" + today);
  if (meetings.length === 0) {
    const all = await get("/api/meetings");
    const day = all.length ? all[all.length - 1].date : null;
    meetings = all.filter((meeting) => meeting.date === day);
  }
  state.meetings = new Map(meetings.map((meeting) => [meeting.meeting_id, meeting]));
  state.today = today;
  state.day = meetings.length ? meetings[0].date : "";
  // While there is none, the first is looked for.
  state.meetingsAt = meetings.length ? performance.now() : null;
}
// Changes while one of them is run; before that, what changes is among the next races.
async function loadRacesOf(meetingId, next) {
  const known = state.races.get(meetingId);
  const isMissing = (race) => race.meeting_id === meetingId && !known.list.some((other) => other.race_id === race.race_id);
  const isRun = (race) => !isOver(race) && Date.parse(race.start_time) < now();
  if (known && !isOlder(known.at, known.list.some(isRun) ? 120000 : 300000) && !next.some(isMissing)) return;
  const list = await get("/api/races?meetingId=" + encodeURIComponent(meetingId)) || [];
  state.races.set(meetingId, { list, at: performance.now() });
}
const meetingName = (race) => state.meetings.has(race.meeting_id) ? state.meetings.get(race.meeting_id).meeting_name : "";
const raceNumber = (race) => race.race_number === null ? null : "R" + race.race_number;
const raceName = (race) => [raceNumber(race), race.name].filter(Boolean).join(" ");
function nextRace(race) {
  return el("li", null, raceLink(race, el("span", null, [meetingName(race), raceNumber(race)].filter(Boolean).join(" ")), countdown(race),
    el("small", null, [nzTime(race.start_time), race.name].filter(Boolean).join(" "))));
}
function raceLink(race, ...children) {
  return el("a", { href: "#race/" + encodeURIComponent(race.race_id), class: race.phase, "data-race": race.race_id, "data-key": race.race_id,
    title: [race.name, nzTime(race.start_time), race.status].filter(Boolean).join(", "), onclick: (event) => follow(event, race) }, ...children);
}
// Who chooses a race in a list goes on in the race; not who opens it in another tab.
function follow(event, race) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (race.race_id === state.opened.id) $("main").focus();
  else state.wantsMain = true;
}
function markCurrent() {
  for (const link of document.querySelectorAll("[data-race]")) {
    if (link.dataset.race === state.opened.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
// What is wrong comes first: figures that are not fresh must not be taken for fresh ones.
function tellStatus() {
  const trouble = state.trouble && state.trouble + ", trying again." + (state.loadedAt ? " What you see is of " + nzSecond(state.loadedAt) + "." : "");
  const text = trouble || (state.isBehind ? "Polling is behind" : state.day);
  const status = $("status");
  // Screen readers read every change.
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("bad", Boolean(trouble) || state.isBehind);
}

// One race.
async function loadRace(opened) {
  const id = encodeURIComponent(opened.id);
  const [race, entrants, pools, navigation, alerts, health] = await Promise.all([
    get("/api/races/" + id), get("/api/entrants?raceId=" + id), get("/api/race-pools?raceId=" + id),
    isNavigationOld(opened) ? get("/api/races/navigation?raceId=" + id) : null,
    state.hasAlerts ? null : get("/api/user-alert-configs"),
    // How fast its clock goes is known after two answers; later ones come with the lists.
    state.clock?.isMeasured ? null : get("/health"),
  ]);
  if (health) tellTime(health.timestamp);
  if (navigation) Object.assign(opened, { navigation, navigationAt: performance.now() });
  if (alerts) Object.assign(state, { alerts: alerts.indicators.filter((indicator) => indicator.enabled), hasAlerts: true });
  let results = null;
  if (race) {
    await loadTimeline(opened, entrants);
    if (race.phase === "finished" || race.status === "Interim") results = await get("/api/race-results?raceId=" + id);
  }
  Object.assign(opened, { race, entrants, pools, results });
  if (opened !== state.opened) return;
  if (race) show();
  else empty("There is no such race.");
}
// The next to start is another when it has started.
function isNavigationOld({ navigation, navigationAt }) {
  const next = navigation?.nextScheduledRace;
  return isOlder(navigationAt, 60000) || Boolean(next && Date.parse(next.start_time) < now());
}
// Only what was written since the last page. A poll that was computed anew replaces what it was.
async function loadTimeline(opened, entrants) {
  if (!entrants.length) return;
  const ids = entrants.map((entrant) => encodeURIComponent(entrant.entrant_id)).join(",");
  for (;;) {
    const page = await get("/api/money-flow-timeline?limit=2000&raceId=" + encodeURIComponent(opened.id) + "&entrants=" + ids + (opened.cursor ? "&cursorAfter=" + opened.cursor : ""));
    for (const d of page.documents) opened.documents.set(d.entrant_id + " " + d.polling_timestamp, d);
    if (page.next_cursor === null) return;
    opened.cursor = page.next_cursor;
    if (page.total < page.limit) return;
  }
}
function poolTotals() {
  const p = state.opened.pools;
  if (!p) return el("p", { class: "empty" }, "No pools yet");
  return el("dl", { class: "pools" }, [["Win", "win"], ["Place", "place"], ["Quinella", "quinella"], ["Trifecta", "trifecta"], ["Exacta", "exacta"], ["First 4", "first4"]]
    .map(([name, key]) => el("div", null, el("dt", null, name), el("dd", null, dollars(p[key + "_pool_total"])))),
    el("div", null, el("dt", null, "All pools"), el("dd", null, dollars(p.total_race_pool))));
}
function resultLine() {
  const results = state.opened.results;
  if (!results || !results.results_data || !results.results_data.length) return null;
  const placed = results.results_data.map((r) => r.position + ". " + (r.name || "") + " (" + r.runner_number + ")").join("  ");
  return el("p", { class: "results" }, "Result (" + (results.result_status || "interim") + "): " + placed);
}
function step(race, text, key) {
  return el("button", { type: "button", "data-key": key, disabled: !race, title: race ? race.name + ", " + race.meeting_name + " (" + key + ")" : null, onclick: () => open(race) }, text);
}
function raceHead() {
  const { race, documents } = state.opened;
  const polled = Math.max(...[...documents.values()].map((d) => Date.parse(d.polling_timestamp)));
  const facts = [meetingName(race), nzTime(race.start_time), race.distance ? race.distance + " m" : null, race.track_condition, race.weather, race.status];
  return el("div", { class: "race-head" }, el("h2", null, raceName(race)),
    el("p", null, facts.filter(Boolean).join(" · ")), documents.size ? el("p", { class: "polled" }, "polled " + nzSecond(polled)) : null, countdown(race));
}
function tools() {
  const { previousRace, nextRace, nextScheduledRace } = state.opened.navigation;
  return el("div", { class: "tools" },
    el("div", { class: "group", role: "group", "aria-label": "What the grid shows" },
      Object.entries(VIEWS).map(([view, name]) => el("button", { type: "button", "data-key": view, "aria-pressed": String(state.view === view), onclick: () => choose(view) }, name))),
    el("div", { class: "group", role: "group", "aria-label": "Other races" },
      step(previousRace, "← Before", "left arrow"), step(nextRace, "After →", "right arrow"), step(nextScheduledRace, "Next to start", "N")));
}
function legend() {
  const ranges = state.alerts.map((range) => {
    const swatch = el("i");
    swatch.style.backgroundColor = range.color;
    return el("li", null, swatch, range.percentage_range_min + (range.percentage_range_max === null ? " % and more" : "–" + range.percentage_range_max + " %"));
  });
  return el("ul", { class: "legend" }, el("li", null, state.view === "odds" ? "Shortened since the interval before:" : "Share of the interval's money:"), ranges,
    el("li", null, el("b", { class: "mark" }, FAVOURITE), " favourite"), el("li", null, el("b", { class: "mark" }, MOVER), " mover"));
}
function show() {
  const { race, entrants } = state.opened;
  const main = $("main");
  const before = newestInView(main.querySelector(".scroll"));
  redraw(main, ...[raceHead(), tools(), resultLine(), poolTotals(),
    entrants.length ? el("div", { class: "scroll", tabindex: "0", role: "region", "data-key": "grid", "aria-label": "Money flow by runner and minutes to the start" }, table()) : el("p", { class: "empty" }, "No runners yet"),
    legend()].filter(Boolean));
  main.dataset.shown = race.race_id;
  main.removeAttribute("aria-busy");
  scrollOn(main.querySelector(".scroll"), before);
  if (state.wantsMain) main.focus();
  state.wantsMain = false;
  document.title = raceName(race) + " – Raceday";
  markCurrent();
  tick();
}
function empty(text) {
  const main = $("main");
  redraw(main, el("p", { class: "empty" }, text));
  main.removeAttribute("aria-busy");
  delete main.dataset.shown;
}
// How far a grid is scrolled and whether its newest interval can be seen; null when the grid is of another race, or none.
function newestInView(scroll) {
  if (!scroll || $("main").dataset.shown !== state.opened.id) return null;
  const newest = scroll.querySelector("th.now");
  return { left: scroll.scrollLeft, isSeen: !newest || newest.offsetLeft + newest.offsetWidth <= scroll.scrollLeft + scroll.clientWidth };
}
// A grid follows its newest interval unless someone has scrolled back to earlier ones.
function scrollOn(scroll, before) {
  if (!scroll) return;
  scroll.scrollLeft = before ? before.left : 0;
  const newest = scroll.querySelector("th.now");
  if (!newest || (before && !before.isSeen) || newestInView(scroll).isSeen) return;
  scroll.scrollLeft = newest.offsetLeft + newest.offsetWidth + 8 - scroll.clientWidth;
}
function choose(view) {
  state.view = view;
  if (state.opened.race) show();
}
function open(race) {
  if (race) location.hash = "#race/" + encodeURIComponent(race.race_id);
}

// The race's own cadence: 15 s in the last five minutes and after the start, 30 s from 15, else 60.
function cadence() {
  const race = state.opened.race;
  if (!race || isOver(race)) return 60000;
  const seconds = (Date.parse(race.start_time) - now()) / 1000;
  return untilThen(seconds <= 300 ? 15000 : seconds <= 900 ? 30000 : 60000);
}
async function refresh() {
  clearTimeout(state.timer);
  const opened = state.opened;
  let againMs;
  try {
    if (opened.id) await loadRace(opened);
    if (isOlder(state.dayAt, 30000)) await loadDay();
    state.trouble = null;
    state.loadedAt = now();
    againMs = document.hidden ? 60000 : cadence();
  } catch (error) {
    state.trouble = error.message;
    againMs = error.againMs || 20000;
    // Another race's figures must not stand for this one's.
    if (opened === state.opened && !opened.race) empty(opened.id ? "This race is not loaded yet." : "No races are loaded yet.");
  }
  tellStatus();
  clearTimeout(state.timer);
  state.timer = setTimeout(refresh, againMs);
}
function raceInAddress() {
  if (!location.hash.startsWith("#race/")) return null;
  const id = location.hash.slice("#race/".length);
  try { return decodeURIComponent(id); } catch { return id; }
}
function route() {
  const raceId = raceInAddress();
  if (raceId !== state.opened.id) {
    state.opened = nothingOf(raceId);
    $("main").setAttribute("aria-busy", "true");
  }
  if (!raceId) {
    empty("Choose a race.");
    // The list of the next races, of which the first is opened.
    state.dayAt = null;
  }
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

const focusOn = (selector) => document.querySelector(selector)?.focus();
const KEYS = {
  w: () => choose("win"), p: () => choose("place"), o: () => choose("odds"), t: toggleTheme, g: () => focusOn(".scroll"),
  r: () => focusOn(document.querySelector("nav [aria-current]") ? "nav [aria-current]" : "nav a"),
  n: () => open(state.opened.navigation?.nextScheduledRace),
  ArrowLeft: () => open(state.opened.navigation?.previousRace), ArrowRight: () => open(state.opened.navigation?.nextRace),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // In the grid the arrows scroll.
  if (name.startsWith("Arrow") && event.target.classList.contains("scroll")) return;
  if (Object.hasOwn(KEYS, name)) {
    event.preventDefault();
    KEYS[name]();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // A fragment would be taken for a race.
  event.preventDefault();
  $("main").focus();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
startTheme();
$("theme").addEventListener("click", toggleTheme);
addEventListener("hashchange", route);
setInterval(tick, 500);
route();
