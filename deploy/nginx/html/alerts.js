// What happens when a signal arrives: a sound and a mark in the title, if the user wants them, and a line for screen readers.

import { byId } from "./dom.js";
import { join } from "./format.js";
import { store, stored } from "./storage.js";
import { phrase } from "./words.js";

const SWITCHES = ["sound", "mark"];
const TONES = [660, 880];

let seen = null;
let unread = 0;
let title = "Raceday";
let audio = null;

const isOn = (name) => stored(name) === "on";

export const areAlertsOn = () => SWITCHES.some(isOn);

export function setTitle(text) {
  title = text;
  document.title = unread ? `(${unread}) ${title}` : title;
}

function beep() {
  audio ||= new AudioContext();
  audio.resume();
  TONES.forEach((tone, at) => {
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
  if (isOn("sound")) beep();
  if (isOn("mark")) unread += news.length;
  setTitle(title);
}

function show(name) {
  byId(name).setAttribute("aria-pressed", String(isOn(name)));
}

export function toggleAlert(name) {
  store(name, isOn(name) ? "off" : "on");
  show(name);
  if (name === "sound" && isOn(name)) beep();
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
