// What the page knows.

// The runner whose chart is open.
export const noChart = (entrantId = null) => ({ entrantId, data: null, hasFigures: false });

// The data of an open race. Each race opened gets a new object, so that a late response fills one no longer shown.
export const newRace = (id) => ({
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
  chart: noChart(),
});

export const state = {
  opened: newRace(null),
  view: "win",
  alerts: [],
  hasAlerts: false,
  meetings: new Map(),
  meetingsAt: null,
  races: new Map(),
  today: "",
  day: "",
  dayAt: null,
  isBehind: false,
  problem: null,
  loadedAt: null,
  wantsMain: false,
  wantsRunner: null,
  movers: [],
  timer: null,
};
