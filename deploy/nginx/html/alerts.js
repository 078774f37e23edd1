// What happens when a signal arrives, and before a start: sounds and a mark in the title for those who want them, and a
// line for screen readers.

import { now } from "./clock.js";
import { byId } from "./dom.js";
import { join } from "./format.js";
import { isOver, raceName } from "./races.js";
import { state } from "./state.js";
import { store, stored } from "./storage.js";
import { phrase } from "./words.js";

const SWITCHES = ["sound", "mark", "bell"];
const TONES = { sound: [660, 880], bell: [523, 523, 784] };
// The bell rings when the open race has this long to its start.
const BELL_MS = 60000;

let seen = null;
let unread = 0;
let title = "Raceday";
let audio = null;
// The open race's start, and how far off it was at the last look.
let bell = null;

const isOn = (name) => stored(name) === "on";

export const areAlertsOn = () => SWITCHES.some(isOn);

export function setTitle(text) {
  title = text;
  document.title = unread ? `(${unread}) ${title}` : title;
}

// The user's settings can silence the page.
function beep(name) {
  if (!state.isAudible) return;
  audio ||= new AudioContext();
  audio.resume();
  TONES[name].forEach((tone, at) => {
    const oscillator = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.value = 0.2;
    oscillator.frequency.value = tone;
    oscillator.connect(volume).connect(audio.destination);
    oscillator.start(audio.currentTime + at * 0.16);
    oscillator.stop(audio.currentTime + at * 0.16 + 0.12);
  });
}

// Notices signals that were not there at the last look. Those of the first look are old news.
export function noteSignals(movers) {
  const signals = movers.filter((mover) => mover.level !== null);
  const key = (mover) => `${mover.race_id} ${mover.entrant_id} ${mover.level}`;
  const news = seen ? signals.filter((mover) => !seen.has(key(mover))) : [];
  seen = new Set([...(seen || []), ...signals.map(key)]);
  if (!news.length) return;
  const line = (mover) => `${mover.name}, ${join([mover.meeting_name, mover.race_name], " ")}: ${phrase(mover)}`;
  byId("news").textContent = `Unusual late money. ${news.map(line).join(". ")}`;
  if (isOn("sound")) beep("sound");
  if (isOn("mark")) unread += news.length;
  setTitle(title);
}

// A signal that the hub sends; those of before the first look come with the board.
export function noteSignal(signal) {
  if (seen) noteSignals([signal]);
}

// Rings when the open race passes a minute to its start; not for one that is opened later.
export function noteStart(race) {
  if (!race || isOver(race)) return;
  const start = Date.parse(race.start_time);
  const left = start - now();
  const isDue = bell?.start === start && bell.left > BELL_MS && left <= BELL_MS;
  bell = { start, left };
  if (!isDue || !isOn("bell")) return;
  byId("news").textContent = `${raceName(race)} starts in a minute.`;
  beep("bell");
}

function show(name) {
  byId(name).setAttribute("aria-pressed", String(isOn(name)));
}

export function toggleAlert(name) {
  store(name, isOn(name) ? "off" : "on");
  show(name);
  if (TONES[name] && isOn(name)) beep(name);
}

// Whoever uses the page has read it.
function read() {
  unread = 0;
  setTitle(title);
}

for (const name of SWITCHES) {
  show(name);
  byId(name).addEventListener("click", () => toggleAlert(name));
}
for (const event of ["keydown", "pointerdown"]) document.addEventListener(event, read);
