// A race day in the browser, read from the REST contract only: what is loaded when, routes, keys and theme.

import { areAlertsOn, noteStart, toggleAlert } from "./alerts.js";
import { isOlder, localWait, now, nzSecond } from "./clock.js";
import { byId } from "./dom.js";
import { loadDay } from "./lists.js";
import { areAllLive, followAll, followRace, isRaceLive, leaveAll, leaveRace } from "./live.js";
import { refreshMovers } from "./movers.js";
import { choose, loadRace, show, showEmpty } from "./race.js";
import { isOver, markCurrent, open, raceHash, tick } from "./races.js";
import { editSettings } from "./ranges.js";
import { newRace, state } from "./state.js";
import { store, stored } from "./storage.js";

// Problems come first, so that nobody takes old figures for new ones.
function showStatus() {
  const age = state.loadedAt ? ` Data shown is from ${nzSecond(state.loadedAt)}.` : "";
  const problem = state.problem && `${state.problem}, trying again.${age}`;
  const source = state.isLive ? "live" : "polling, no live stream";
  const text = problem || (state.isBehind ? "Polling is behind" : [state.day, source].filter(Boolean).join(" · "));
  const status = byId("status");
  // Screen readers announce every change.
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("bad", Boolean(problem) || state.isBehind);
}

// The race's polling cadence: 15 s from five minutes before the start, 30 s in the last 15 minutes, else 60 s. What the
// hub sends is only checked.
function cadence() {
  const race = state.opened.race;
  if (!race || isOver(race) || isRaceLive()) return 60000;
  const seconds = (Date.parse(race.start_time) - now()) / 1000;
  if (seconds <= 300) return localWait(15000);
  return localWait(seconds <= 900 ? 30000 : 60000);
}

async function refresh() {
  clearTimeout(state.timer);
  const opened = state.opened;
  let waitMs;
  try {
    if (opened.id) await loadRace(opened);
    if (isOlder(state.dayAt, 30000)) await loadDay();
    state.problem = null;
    state.loadedAt = now();
    waitMs = document.hidden ? 60000 : cadence();
  } catch (error) {
    state.problem = error.message;
    waitMs = error.retryMs || 20000;
    // Another race's figures must not stand in for this one's.
    const text = opened.id ? "This race is not loaded yet." : "No races are loaded yet.";
    if (opened === state.opened && !opened.race) showEmpty(text);
  }
  showStatus();
  follow();
  clearTimeout(state.timer);
  state.timer = setTimeout(refresh, waitMs);
}

// A browser has few connections to a server, so a hidden page keeps one only for its sounds, and none for its race.
function follow() {
  if (document.hidden) leaveRace();
  else followRace(onRace);
  if (document.hidden && !areAlertsOn()) leaveAll();
  else followAll(onAll);
  noteLive();
}

const onRace = {
  reload: () => refresh(),
  onChange: (isLive) => {
    noteLive();
    // From here on the page polls.
    if (!isLive && !document.hidden) refresh();
  },
};

const onAll = {
  reload: () => {
    state.dayAt = null;
    refresh();
  },
  onChange: noteLive,
};

function noteLive() {
  state.isLive = areAllLive() && (isRaceLive() || !state.opened.race);
  showStatus();
}

// After sleep a connection may be dead without knowing it.
function wake() {
  leaveRace();
  leaveAll();
  refresh();
  refreshMovers();
}

let tickedAt = Date.now();

function onTick() {
  const slept = Date.now() - tickedAt > 20000;
  tickedAt = Date.now();
  tick();
  noteStart(state.opened.race);
  if (slept && !document.hidden) wake();
}

// The race's id, and the moment that is replayed: #race/ID?at=MOMENT.
function raceInAddress() {
  const prefix = raceHash("");
  if (!location.hash.startsWith(prefix)) return [null, null];
  const [id, query] = location.hash.slice(prefix.length).split("?");
  const at = new URLSearchParams(query).get("at");
  try {
    return [decodeURIComponent(id), at];
  } catch {
    return [id, at];
  }
}

function route() {
  const [raceId, at] = raceInAddress();
  if (raceId !== state.opened.id || at !== (state.opened.replay?.at ?? null)) {
    state.opened = newRace(raceId, at);
    leaveRace();
    byId("main").setAttribute("aria-busy", "true");
  }
  if (!raceId) {
    showEmpty("Choose a race.");
    // Reload the list of the next races and open the first.
    state.dayAt = null;
  }
  markCurrent();
  refresh();
}

const root = document.documentElement;

function setTheme(name) {
  root.dataset.theme = name;
  store("theme", name);
  // The colours of the ranges depend on it.
  if (state.opened.race) show();
}

function startTheme() {
  root.dataset.theme = stored("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

const toggleTheme = () => setTheme(root.dataset.theme === "dark" ? "light" : "dark");
const focusOn = (selector) => document.querySelector(selector)?.focus();

function openSettings() {
  editSettings(() => state.opened.race && show());
}

const KEYS = {
  w: () => choose("view", "win"),
  p: () => choose("view", "place"),
  o: () => choose("view", "odds"),
  t: toggleTheme,
  g: () => focusOn(".scroll"),
  m: () => focusOn("#movers a"),
  s: () => toggleAlert("sound"),
  a: openSettings,
  r: () => focusOn(document.querySelector("nav [aria-current]") ? "nav [aria-current]" : "nav a"),
  n: () => open(state.opened.navigation?.nextScheduledRace),
  ArrowLeft: () => open(state.opened.navigation?.previousRace),
  ArrowRight: () => open(state.opened.navigation?.nextRace),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A field takes its own keys.
  if (event.target.closest("input, dialog")) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // In the grid the arrows scroll.
  if (name.startsWith("Arrow") && event.target.classList.contains("scroll")) return;
  if (Object.hasOwn(KEYS, name)) {
    event.preventDefault();
    KEYS[name]();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment would be taken for a race.
  event.preventDefault();
  byId("main").focus();
});
document.addEventListener("visibilitychange", () => {
  follow();
  if (document.hidden) return;
  refresh();
  refreshMovers();
});
addEventListener("online", wake);
byId("settings-open").addEventListener("click", openSettings);
byId("theme").addEventListener("click", toggleTheme);
addEventListener("hashchange", route);
startTheme();
setInterval(onTick, 500);
route();
refreshMovers();
