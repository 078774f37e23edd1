// What the hub sends: the open race's polls and result, and what is new in all races. Without it, the page polls.

import { noteSignal } from "./alerts.js";
import { takeNext } from "./lists.js";
import { takeMovers } from "./movers.js";
import { show, takePoll } from "./race.js";
import { state } from "./state.js";
import { connect } from "./stream.js";

let ofRace = null;
let ofAll = null;
let raceId = null;

// Which race the stream is of, and whether it sends what is new.
export const isRaceLive = () => Boolean(ofRace?.isLive) && raceId === state.opened.id;
export const areAllLive = () => Boolean(ofAll?.isLive);

// Follows the open race from where its money flow stands. `onChange` hears whether it is live, `reload` reads it again.
export function followRace({ onChange, reload }) {
  const { opened } = state;
  if (!opened.race || (raceId === opened.id && ofRace)) return;
  leaveRace();
  raceId = opened.id;
  const isOpen = () => opened === state.opened;
  const address = () => `/api/stream?raceId=${encodeURIComponent(opened.id)}&cursorAfter=${opened.cursor ?? 0}`;
  const handlers = {
    race: (data, id) => takePoll(opened, data, id).catch(() => null),
    status: ({ status }) => isOpen() && status !== opened.race.status && reload(),
    result: (results) => {
      opened.results = results;
      if (isOpen()) show();
    },
    reset: () => {
      opened.documents.clear();
      opened.cursor = null;
      if (isOpen()) reload();
    },
  };
  ofRace = connect(address, handlers, onChange);
}

export function leaveRace() {
  ofRace?.close();
  ofRace = null;
  raceId = null;
}

// Follows all races: the board, the next races and the signals.
export function followAll({ onChange, reload }) {
  if (ofAll) return;
  const handlers = {
    movers: takeMovers,
    next: takeNext,
    signal: noteSignal,
    status: reload,
    reset: reload,
  };
  ofAll = connect(() => "/api/stream", handlers, onChange);
}

export function leaveAll() {
  ofAll?.close();
  ofAll = null;
}
