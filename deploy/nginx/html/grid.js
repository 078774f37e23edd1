// The open race's money-flow grid: runners down, intervals across.

import { paint, rangeOf } from "./bands.js";
import { el } from "./dom.js";
import { figures, moneyOf, shareAndRise, shortening, sorted } from "./figures.js";
import { amount, dollars, join, odds, percent } from "./format.js";
import { placeMark } from "./results.js";
import { shown, state } from "./state.js";
import { isUnusual, phrase, rangeText, reasonTexts } from "./words.js";

export const FAVOURITE = "★";
export const MOVER = "▲";

const FACTS = ["Fixed", "Tote", "In win pool"];
const SORTED = { number: "Runner", odds: "Fixed" };

function cell(entrant, minutes, grid) {
  const entry = grid.of(entrant.entrant_id, minutes);
  return state.view === "odds" ? oddsCell(entrant, minutes, grid, entry) : moneyCell(entrant, minutes, grid, entry);
}

function oddsCell(entrant, minutes, grid, entry) {
  const shorter = shortening(grid, entrant.entrant_id, minutes);
  const title = shorter === null ? null : `${shorter.toFixed(1)} % shorter`;
  return lit(entry ? odds(entry.fixed_win_odds) : "", null, shorter, title, "−");
}

function moneyCell(entrant, minutes, grid, entry) {
  const cents = moneyOf(entry);
  const { share, rise } = shareAndRise(grid, entrant.entrant_id, minutes);
  const words = share > 0 ? `${share.toFixed(1)} % of the interval's money` : null;
  const change = rise === null ? null : `${Math.abs(rise).toFixed(1)} points ${rise < 0 ? "less" : "more"} than before`;
  return lit(moneyText(cents), cents < 0 ? "minus" : null, rise, words && join([words, change], ", "), "+");
}

function moneyText(cents) {
  if (cents === null || cents === undefined) return "";
  return cents === 0 ? "·" : amount(cents);
}

// A cell; if the value is in a range of the user's, in its colour and with the value.
function lit(text, kind, value, title, sign) {
  const range = value === null ? undefined : rangeOf(value);
  const td = el("td", { class: join(["cell", kind, range && "lit"], " "), title }, text);
  if (!range) return td;
  td.append(el("small", null, `${sign}${Math.round(value)}`));
  return paint(td, range);
}

function spark(values, name) {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (at) => ((at / (values.length - 1)) * 44).toFixed(1);
  const y = (value) => (13 - ((value - low) / span) * 12).toFixed(1);
  const points = values.map((value, at) => `${x(at)},${y(value)}`).join(" ");
  const title = `Odds of ${name} from ${odds(values[0])} to ${odds(values[values.length - 1])}`;
  const attributes = { class: "spark", viewBox: "0 0 44 14", role: "img" };
  return el("svg", attributes, el("title", null, title), el("polyline", { points }));
}

const mark = (sign, meaning) => el("i", { class: "mark", title: meaning, role: "img", "aria-label": meaning }, sign);

// How unusual the money on a runner is, with the reasons beside it.
function unusual(entrant) {
  const of = shown().runners.get(entrant.entrant_id);
  if (!of || entrant.is_scratched || !isUnusual(of)) return null;
  const reasons = reasonTexts(of.reasons).join("; ") || "nothing else stands out";
  const attributes = { type: "button", class: "why", "data-key": `why ${entrant.entrant_id}`, "data-reasons": reasons };
  return el("button", attributes, phrase(of));
}

function runner(entrant, toggle) {
  const people = join([entrant.jockey, entrant.trainer_name], " / ");
  const number = entrant.runner_number === null ? "" : String(entrant.runner_number);
  const favourite = entrant.favourite ? mark(FAVOURITE, "favourite") : null;
  const mover = entrant.mover ? mark(MOVER, "mover") : null;
  const name = {
    type: "button",
    class: "name",
    title: join([entrant.name, people], ", "),
    "data-key": `runner ${entrant.entrant_id}`,
    "aria-expanded": String(state.opened.chart.entrantId === entrant.entrant_id),
    onclick: () => toggle(entrant.entrant_id),
  };
  const button = el("button", name, el("span", null, entrant.name || ""));
  const line = [el("b", null, number), button, placeMark(entrant), favourite, mover];
  const below = people ? el("small", { class: "people", title: people }, people) : null;
  return el("th", { scope: "row", class: "runner" }, el("div", null, line), below, unusual(entrant));
}

// The money on a runner in the win pool and its share, as ranges where rounded odds leave them open, and its hold.
function moneyInPool(entrant) {
  const of = shown().runners.get(entrant.entrant_id);
  const pool = shown().pools?.win_pool_total;
  const isKnown = of && of.win_mid !== null && of.win_mid !== undefined && !entrant.is_scratched;
  const share = isKnown && pool > 0 ? shareText(of, pool) : null;
  const hold = entrant.hold_percentage === null ? null : `hold ${percent(entrant.hold_percentage)}`;
  const title = isKnown ? `between ${dollars(of.win_low)} and ${dollars(of.win_high)}` : null;
  return el(
    "td",
    { title, class: "money" },
    el("span", null, isKnown ? rangeText(of) : "–"),
    el("small", null, join([share, hold], " · ")),
  );
}

function shareText({ win_low: low, win_high: high }, pool) {
  const [from, to] = [low, high].map((cents) => ((cents / pool) * 100).toFixed(1));
  return from === to ? `${from} %` : `${from}–${to} %`;
}

function row(entrant, grid, toggle) {
  const isPlace = state.view === "place";
  const fixed = entrant.is_scratched ? "scr" : odds(isPlace ? entrant.place_odds : entrant.win_odds);
  return el(
    "tr",
    { class: entrant.is_scratched ? "scratched" : null },
    runner(entrant, toggle),
    el("td", { class: "fixed" }, fixed, spark(grid.lines.get(entrant.entrant_id) || [], entrant.name)),
    el("td", { class: "tote" }, odds(isPlace ? entrant.pool_place_odds : entrant.pool_win_odds)),
    moneyInPool(entrant),
    grid.columns.map((minutes) => cell(entrant, minutes, grid)),
  );
}

function head(grid) {
  const order = (text) => (SORTED[state.sort] === text ? "ascending" : null);
  const fact = (text) => {
    const attributes = { scope: "col", rowspan: 2, class: text.toLowerCase().split(" ")[0], "aria-sort": order(text) };
    return el("th", attributes, text);
  };
  const over = { scope: "colgroup", class: "over", colspan: grid.columns.length };
  const what = state.view === "odds" ? "fixed odds" : "money in, $";
  const minute = (minutes) => {
    const attributes = { scope: "col", class: minutes === grid.newest ? "now" : null, "data-minutes": minutes };
    return el("th", attributes, String(minutes).replace("-", "−"));
  };
  return el(
    "thead",
    null,
    el("tr", null, ["Runner", ...FACTS].map(fact), el("th", over, el("span", null, `Minutes to the start; ${what}`))),
    el("tr", null, grid.columns.map(minute)),
  );
}

function foot(grid) {
  const total = (minutes) => (grid.totals.get(minutes) ? amount(grid.totals.get(minutes)) : "");
  return el(
    "tfoot",
    null,
    el(
      "tr",
      null,
      el("th", { scope: "row", class: "runner" }, "Money in"),
      el("td", { class: "fixed" }),
      el("td", { class: "tote" }),
      el("td", { class: "money" }),
      grid.columns.map((minutes) => el("td", { class: "cell" }, total(minutes))),
    ),
  );
}

// The grid; toggle opens and closes a runner's chart.
export function table(toggle) {
  const grid = figures();
  const rows = sorted(grid).map((entrant) => row(entrant, grid, toggle));
  return el("table", null, head(grid), el("tbody", null, rows), state.view === "odds" ? null : foot(grid));
}
