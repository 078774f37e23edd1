// What the page knows.

import { stored } from "./storage.js";

// The runner whose chart is open.
export const noChart = (entrantId = null) => ({ entrantId, data: null, hasFigures: false });

// The data of an open race. Each race opened gets a new object, so that a late response fills one no longer shown.
export const newRace = (id, at = null) => ({
  id,
  race: null,
  navigation: null,
  navigationAt: null,
  entrants: [],
  pools: null,
  results: null,
  // What is certain about the money on each runner, by entrant id.
  runners: new Map(),
  documents: new Map(),
  cursor: null,
  // How many polls the hub sent.
  polls: 0,
  chart: noChart(),
  // The moment that is replayed, and the race as it stood then once that is loaded.
  replay: at ? { at, data: null } : null,
});

export const state = {
  opened: newRace(null),
  view: "win",
  sort: stored("sort") || "number",
  user: stored("user") || "Default User",
  alerts: [],
  hasAlerts: false,
  isAudible: true,
  meetings: new Map(),
  meetingsAt: null,
  races: new Map(),
  upcoming: [],
  today: "",
  day: "",
  dayAt: null,
  isBehind: false,
  // Whether the hub sends what is new.
  isLive: false,
  problem: null,
  loadedAt: null,
  wantsMain: false,
  wantsRunner: null,
  movers: [],
  timer: null,
};

// The open race as it is shown: now, or as it stood at the moment that is replayed.
export const shown = () => state.opened.replay?.data ?? state.opened;
