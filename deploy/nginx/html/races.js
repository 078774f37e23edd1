// What the lists and the open race share: names, countdowns and links of races.

import { now, nzTime } from "./clock.js";
import { byId, el } from "./dom.js";
import { join } from "./format.js";
import { state } from "./state.js";

export const isOver = (race) => race.phase === "finished" || race.phase === "abandoned";
export const meetingName = (race) => state.meetings.get(race.meeting_id)?.meeting_name ?? "";
export const raceNumber = (race) => (race.race_number === null ? null : `R${race.race_number}`);
export const raceName = (race) => join([raceNumber(race), race.name], " ");
export const raceHash = (raceId) => `#race/${encodeURIComponent(raceId)}`;

export function open(race) {
  if (race) location.hash = raceHash(race.race_id);
}

function countdownText(startTime) {
  const seconds = Math.floor((Date.parse(startTime) - now()) / 1000);
  const size = Math.abs(seconds);
  const padded = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor(size / 60);
  const clock = hours ? `${hours}h ${padded(minutes % 60)}m` : `${minutes}:${padded(size % 60)}`;
  return (seconds < 0 ? "-" : "") + clock;
}

export function countdown(race) {
  if (isOver(race)) return el("span", { class: "countdown" }, race.status);
  return el("span", { class: "countdown", "data-start": race.start_time }, countdownText(race.start_time));
}

export function tick() {
  for (const node of document.querySelectorAll("[data-start]")) {
    node.textContent = countdownText(node.dataset.start);
    node.classList.toggle("soon", Date.parse(node.dataset.start) - now() < 300000);
  }
}

export function raceLink(race, ...children) {
  const attributes = {
    href: raceHash(race.race_id),
    class: race.phase,
    "data-race": race.race_id,
    "data-key": race.race_id,
    title: join([race.name, nzTime(race.start_time), race.status], ", "),
    onclick: (event) => follow(event, race),
  };
  return el("a", attributes, ...children);
}

// Choosing a race in a list moves the focus to the race, unless it is opened in another tab.
function follow(event, race) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (race.race_id === state.opened.id) byId("main").focus();
  else state.wantsMain = true;
}

export function markCurrent() {
  for (const link of document.querySelectorAll("[data-race]")) {
    if (link.dataset.race === state.opened.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
