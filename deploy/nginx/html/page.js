// A race day in the browser, read from the REST contract only: what is loaded when, routes, keys and theme.

import { toggleAlert } from "./alerts.js";
import { isOlder, localWait, now, nzSecond } from "./clock.js";
import { byId } from "./dom.js";
import { loadDay } from "./lists.js";
import { refreshMovers } from "./movers.js";
import { choose, loadRace, showEmpty } from "./race.js";
import { isOver, markCurrent, open, raceHash, tick } from "./races.js";
import { newRace, state } from "./state.js";
import { store, stored } from "./storage.js";

// Problems come first, so that nobody takes old figures for new ones.
function showStatus() {
  const age = state.loadedAt ? ` Data shown is from ${nzSecond(state.loadedAt)}.` : "";
  const problem = state.problem && `${state.problem}, trying again.${age}`;
  const text = problem || (state.isBehind ? "Polling is behind" : state.day);
  const status = byId("status");
  // Screen readers announce every change.
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("bad", Boolean(problem) || state.isBehind);
}

// The race's polling cadence: 15 s from five minutes before the start, 30 s in the last 15 minutes, else 60 s.
function cadence() {
  const race = state.opened.race;
  if (!race || isOver(race)) return 60000;
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
  clearTimeout(state.timer);
  state.timer = setTimeout(refresh, waitMs);
}

function raceInAddress() {
  const prefix = raceHash("");
  if (!location.hash.startsWith(prefix)) return null;
  const id = location.hash.slice(prefix.length);
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function route() {
  const raceId = raceInAddress();
  if (raceId !== state.opened.id) {
    state.opened = newRace(raceId);
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
}

function startTheme() {
  root.dataset.theme = stored("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

const toggleTheme = () => setTheme(root.dataset.theme === "dark" ? "light" : "dark");
const focusOn = (selector) => document.querySelector(selector)?.focus();

const KEYS = {
  w: () => choose("win"),
  p: () => choose("place"),
  o: () => choose("odds"),
  t: toggleTheme,
  g: () => focusOn(".scroll"),
  m: () => focusOn("#movers a"),
  s: () => toggleAlert("sound"),
  r: () => focusOn(document.querySelector("nav [aria-current]") ? "nav [aria-current]" : "nav a"),
  n: () => open(state.opened.navigation?.nextScheduledRace),
  ArrowLeft: () => open(state.opened.navigation?.previousRace),
  ArrowRight: () => open(state.opened.navigation?.nextRace),
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
  // The fragment would be taken for a race.
  event.preventDefault();
  byId("main").focus();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  refresh();
  refreshMovers();
});
byId("theme").addEventListener("click", toggleTheme);
addEventListener("hashchange", route);
startTheme();
setInterval(tick, 500);
route();
refreshMovers();
