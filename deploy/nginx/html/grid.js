// The open race's money-flow grid: runners down, intervals across.

import { el } from "./dom.js";
import { dollars, join, odds } from "./format.js";
import { state } from "./state.js";
import { isUnusual, phrase, rangeText, reasonTexts } from "./words.js";

export const FAVOURITE = "★";
export const MOVER = "▲";

const INTERVALS = [60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0];
const FACTS = ["Fixed", "Tote", "Hold", "In win pool", "Trend"];

const cellKey = (entrantId, minutes) => `${entrantId} ${minutes}`;

// The last document of each runner in each interval, each runner's odds in order, the columns and their totals.
function figures() {
  const cells = new Map();
  const lines = new Map();
  const documents = [...state.opened.documents.values()].sort((a, b) => a.id - b.id);
  for (const entry of documents) {
    cells.set(cellKey(entry.entrant_id, entry.time_interval), entry);
    if (!lines.has(entry.entrant_id)) lines.set(entry.entrant_id, []);
    const value = state.view === "place" ? entry.fixed_place_odds : entry.fixed_win_odds;
    if (value !== null) lines.get(entry.entrant_id).push(value);
  }
  const seen = new Set(documents.map((entry) => entry.time_interval));
  const columns = columnsOf(seen);
  const totals = new Map(columns.map((minutes) => [minutes, moneyIn(cells, minutes)]));
  return { cells, lines, columns, totals, newest: seen.size ? Math.min(...seen) : null };
}

// The intervals with figures and the last five minutes, then those after the start; all if there are no figures.
function columnsOf(seen) {
  const after = [...seen].filter((minutes) => minutes < 0).sort((a, b) => b - a);
  return INTERVALS.filter((minutes) => minutes <= 5 || seen.has(minutes) || seen.size === 0).concat(after);
}

function moneyIn(cells, minutes) {
  const amounts = state.opened.entrants.map((entrant) => moneyOf(cells.get(cellKey(entrant.entrant_id, minutes))));
  return amounts.reduce((sum, cents) => sum + Math.max(0, cents || 0), 0);
}

function moneyOf(entry) {
  if (!entry) return null;
  return state.view === "place" ? entry.incremental_place_amount : entry.incremental_win_amount;
}

function colour(share) {
  const isIn = (range) =>
    share >= range.percentage_range_min && (range.percentage_range_max === null || share < range.percentage_range_max);
  return state.alerts.find(isIn)?.color ?? null;
}

function cell(entrant, minutes, grid) {
  const entry = grid.cells.get(cellKey(entrant.entrant_id, minutes));
  return state.view === "odds" ? oddsCell(entrant, minutes, grid, entry) : moneyCell(minutes, grid, entry);
}

function oddsCell(entrant, minutes, grid, entry) {
  const earlier = grid.columns.slice(0, grid.columns.indexOf(minutes)).reverse();
  const before = earlier.map((column) => grid.cells.get(cellKey(entrant.entrant_id, column))).find(Boolean);
  const isKnown = entry?.fixed_win_odds && before?.fixed_win_odds;
  const drop = isKnown ? before.fixed_win_odds - entry.fixed_win_odds : 0;
  const shortened = isKnown ? (drop / before.fixed_win_odds) * 100 : 0;
  const td = el("td", null, entry ? odds(entry.fixed_win_odds) : "");
  return lit(td, colour(shortened), entry && before ? `${shortened.toFixed(1)} % shorter` : null);
}

function moneyCell(minutes, grid, entry) {
  const cents = moneyOf(entry);
  const total = grid.totals.get(minutes);
  const share = cents > 0 && total > 0 ? (cents / total) * 100 : 0;
  const td = el("td", { class: cents < 0 ? "minus" : null }, moneyText(cents));
  return lit(td, colour(share), share ? `${share.toFixed(1)} % of the interval's money` : null);
}

function moneyText(cents) {
  if (cents === null || cents === undefined) return "";
  return cents === 0 ? "·" : dollars(cents);
}

function lit(td, background, title) {
  if (background) {
    td.style.backgroundColor = background;
    td.classList.add("lit");
  }
  if (title) td.title = title;
  return td;
}

function spark(values, name) {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (at) => ((at / (values.length - 1)) * 64).toFixed(1);
  const y = (value) => (20 - ((value - low) / span) * 18).toFixed(1);
  const points = values.map((value, at) => `${x(at)},${y(value)}`).join(" ");
  const title = `Odds of ${name} from ${odds(values[0])} to ${odds(values[values.length - 1])}`;
  const attributes = { class: "spark", viewBox: "0 0 64 22", role: "img" };
  return el("svg", attributes, el("title", null, title), el("polyline", { points }));
}

const mark = (sign, meaning) => el("i", { class: "mark", title: meaning, role: "img", "aria-label": meaning }, sign);

// How unusual the money on a runner is, with the reasons beside it.
function unusual(entrant) {
  const of = state.opened.runners.get(entrant.entrant_id);
  if (!of || entrant.is_scratched || !isUnusual(of)) return null;
  const reasons = reasonTexts(of.reasons).join("; ") || "nothing else stands out";
  const attributes = { type: "button", class: "why", "data-key": `why ${entrant.entrant_id}`, "data-reasons": reasons };
  return el("button", attributes, phrase(of));
}

function runner(entrant, toggle) {
  const title = join([entrant.name, entrant.jockey, entrant.trainer_name], ", ");
  const number = entrant.runner_number === null ? "" : String(entrant.runner_number);
  const favourite = entrant.favourite ? mark(FAVOURITE, "favourite") : null;
  const mover = entrant.mover ? mark(MOVER, "mover") : null;
  const name = {
    type: "button",
    class: "name",
    title,
    "data-key": `runner ${entrant.entrant_id}`,
    "aria-expanded": String(state.opened.chart.entrantId === entrant.entrant_id),
    onclick: () => toggle(entrant.entrant_id),
  };
  const children = [el("b", null, number), el("button", name, el("span", null, entrant.name || "")), favourite, mover];
  return el("th", { scope: "row", class: "runner" }, el("div", null, children), unusual(entrant));
}

function moneyInPool(entrant) {
  const of = state.opened.runners.get(entrant.entrant_id);
  const range = of && of.win_mid !== null ? `between ${dollars(of.win_low)} and ${dollars(of.win_high)}` : null;
  return el("td", { title: range }, of && !entrant.is_scratched ? rangeText(of) : "–");
}

function row(entrant, grid, toggle) {
  const isPlace = state.view === "place";
  const fixed = entrant.is_scratched ? "scr" : odds(isPlace ? entrant.place_odds : entrant.win_odds);
  const hold = entrant.hold_percentage === null ? "–" : `${entrant.hold_percentage.toFixed(1)}%`;
  return el(
    "tr",
    { class: entrant.is_scratched ? "scratched" : null },
    runner(entrant, toggle),
    el("td", { class: "fixed" }, fixed),
    el("td", null, odds(isPlace ? entrant.pool_place_odds : entrant.pool_win_odds)),
    el("td", null, hold),
    moneyInPool(entrant),
    el("td", null, spark(grid.lines.get(entrant.entrant_id) || [], entrant.name)),
    grid.columns.map((minutes) => cell(entrant, minutes, grid)),
  );
}

function head(grid) {
  const fact = (text) => el("th", { scope: "col", rowspan: 2, class: text === "Fixed" ? "fixed" : null }, text);
  const over = { scope: "colgroup", class: "over", colspan: grid.columns.length };
  const minute = (minutes) => {
    const attributes = { scope: "col", class: minutes === grid.newest ? "now" : null, "data-minutes": minutes };
    return el("th", attributes, String(minutes).replace("-", "−"));
  };
  return el(
    "thead",
    null,
    el(
      "tr",
      null,
      el("th", { scope: "col", class: "runner", rowspan: 2 }, "Runner"),
      FACTS.map(fact),
      el("th", over, el("span", null, "Minutes to the start")),
    ),
    el("tr", null, grid.columns.map(minute)),
  );
}

function foot(grid) {
  const total = (minutes) => (grid.totals.get(minutes) ? dollars(grid.totals.get(minutes)) : "");
  return el(
    "tfoot",
    null,
    el(
      "tr",
      null,
      el("th", { scope: "row", class: "runner" }, "Money in"),
      el("td", { class: "fixed" }),
      el("td", { colspan: FACTS.length - 1 }),
      grid.columns.map((minutes) => el("td", null, total(minutes))),
    ),
  );
}

// The grid; toggle opens and closes a runner's chart.
export function table(toggle) {
  const grid = figures();
  const rows = state.opened.entrants.map((entrant) => row(entrant, grid, toggle));
  return el("table", null, head(grid), el("tbody", null, rows), state.view === "odds" ? null : foot(grid));
}
