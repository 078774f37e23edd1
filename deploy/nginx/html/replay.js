// The slider that shows a finished race as it stood at each of its polls.

import { get } from "./api.js";
import { nzSecond } from "./clock.js";
import { byId } from "./dom.js";
import { show } from "./race.js";
import { isOver, raceHash } from "./races.js";
import { newRace, state } from "./state.js";

// A hand that moves the slider passes many polls; only where it rests is loaded.
const REST_MS = 200;

const form = byId("replay");
const slider = byId("moment");
let timer = null;

// When the race was polled, in order.
const momentsOf = (opened) =>
  [...new Set([...opened.documents.values()].map((entry) => entry.polling_timestamp))].sort();

function untilStart(at, race) {
  const seconds = Math.round((Date.parse(race.start_time) - Date.parse(at)) / 1000);
  const size = Math.abs(seconds);
  const text = `${Math.floor(size / 60)}:${String(size % 60).padStart(2, "0")}`;
  return seconds < 0 ? `${text} after the start` : `${text} before the start`;
}

function describe(opened) {
  const at = opened.replay?.at;
  const text = at ? `${nzSecond(Date.parse(at))}, ${untilStart(at, opened.race)}` : "as it ended";
  byId("moment-text").textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

// Shows the slider if the open race is over or replayed, at the moment that is.
export function drawReplay() {
  const { opened } = state;
  const moments = opened.race && (isOver(opened.race) || opened.replay) ? momentsOf(opened) : [];
  form.hidden = moments.length < 2;
  if (form.hidden) return;
  const at = opened.replay ? moments.findLastIndex((moment) => moment <= opened.replay.at) : moments.length;
  slider.max = moments.length;
  if (document.activeElement !== slider) slider.value = Math.max(0, at);
  byId("replay-end").disabled = !opened.replay;
  describe(opened);
}

// Loads the race as it stood at the moment that is replayed, if one is.
export async function withReplay(opened) {
  const { replay } = opened;
  if (!replay || replay.data) return;
  const query = `raceId=${encodeURIComponent(opened.id)}&at=${encodeURIComponent(replay.at)}`;
  const then = await get(`/api/race-at?${query}`);
  const documents = [...opened.documents].filter(([, entry]) => entry.polling_timestamp <= replay.at);
  const runners = (then?.entrants ?? []).map((of) => [of.entrant_id, { ...of, rarity: 0, level: null }]);
  replay.data = {
    ...newRace(opened.id),
    race: { ...opened.race, ...then?.race },
    entrants: then?.entrants ?? opened.entrants,
    pools: then?.pools ?? null,
    runners: new Map(runners),
    documents: new Map(documents),
  };
}

function moveTo(at) {
  const { opened } = state;
  opened.replay = at ? { at, data: null } : null;
  history.replaceState(null, "", raceHash(opened.id) + (at ? `?at=${at}` : ""));
  describe(opened);
  byId("replay-end").disabled = !at;
  clearTimeout(timer);
  timer = setTimeout(() => rest(opened, opened.replay), at ? REST_MS : 0);
}

async function rest(opened, replay) {
  try {
    await withReplay(opened);
    if (opened === state.opened && replay === opened.replay) show();
  } catch (error) {
    if (opened === state.opened) byId("moment-text").textContent = `${error.message}. Move the slider to try again.`;
  }
}

slider.addEventListener("input", () => moveTo(momentsOf(state.opened)[Number(slider.value)] ?? null));
byId("replay-end").addEventListener("click", () => {
  slider.value = slider.max;
  moveTo(null);
});
form.addEventListener("submit", (event) => event.preventDefault());
