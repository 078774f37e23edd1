// The board of movers: runners of all races that are being backed, above the races.

import { areAlertsOn, noteSignals } from "./alerts.js";
import { get } from "./api.js";
import { localWait } from "./clock.js";
import { byId, el, redraw } from "./dom.js";
import { join } from "./format.js";
import { show } from "./race.js";
import { countdown, markCurrent, raceLink, raceNumber } from "./races.js";
import { state } from "./state.js";
import { settleTip } from "./tip.js";
import { isUnusual, phrase, reasonTexts } from "./words.js";

const CALM = "No unusual late money now.";

let timer = null;

export async function refreshMovers() {
  clearTimeout(timer);
  try {
    takeMovers(await get("/api/movers?limit=50"));
  } catch (error) {
    draw(`${error.message}, trying again.`);
  }
  clearTimeout(timer);
  // The hub sends the board when it changes. In the background nobody looks, but a sound may be wanted.
  const isCalm = state.isLive || (document.hidden && !areAlertsOn());
  timer = setTimeout(refreshMovers, isCalm ? 60000 : localWait(15000));
}

// The board as the server returns it; null from an older backend, which has none.
export function takeMovers(board) {
  byId("board").hidden = board === null;
  state.movers = board?.movers.filter(isUnusual) ?? [];
  noteSignals(state.movers);
  draw(null);
}

function draw(problem) {
  redraw(byId("movers"), ...state.movers.map(mover));
  const text = problem || (state.movers.length ? "" : CALM);
  const calm = byId("calm");
  calm.textContent = text;
  calm.hidden = !text;
  markCurrent();
  settleTip();
}

function mover(of) {
  const race = {
    race_id: of.race_id,
    name: of.race_name,
    start_time: of.start_time,
    status: of.status,
    phase: "mover",
  };
  const place = join([of.meeting_name, raceNumber(of)], " ");
  const link = raceLink(
    race,
    el("b", null, join([of.runner_number, of.name], " ")),
    countdown(race),
    el("span", null, place),
    el("span", { class: "phrase" }, phrase(of)),
    el("small", null, reasonTexts(of.reasons).join("; ")),
  );
  link.dataset.key = `${of.race_id} ${of.entrant_id}`;
  link.addEventListener("click", () => {
    state.wantsRunner = { raceId: of.race_id, entrantId: of.entrant_id };
    if (of.race_id === state.opened.id && state.opened.race) show();
  });
  return el("li", null, link);
}
