// What the page knows.

// The data of an open race. Each race opened gets a new object, so that a late response fills one no longer shown.
export const newRace = (id) => ({
  id,
  race: null,
  navigation: null,
  navigationAt: null,
  entrants: [],
  pools: null,
  results: null,
  documents: new Map(),
  cursor: null,
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
  timer: null,
};
