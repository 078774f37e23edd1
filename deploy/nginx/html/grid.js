"use strict";
// A race's money-flow grid: runners down, intervals across. page.js says what is known and draws what is around it.

// The last document of each runner in each interval, and each runner's odds in their order.
function figures() {
  const cells = new Map();
  const lines = new Map();
  const documents = [...state.opened.documents.values()].sort((a, b) => a.id - b.id);
  for (const d of documents) {
    cells.set(d.entrant_id + " " + d.time_interval, d);
    if (!lines.has(d.entrant_id)) lines.set(d.entrant_id, []);
    const value = state.view === "place" ? d.fixed_place_odds : d.fixed_win_odds;
    if (value !== null) lines.get(d.entrant_id).push(value);
  }
  const seen = new Set(documents.map((d) => d.time_interval));
  const after = [...seen].filter((minutes) => minutes < 0).sort((a, b) => b - a);
  const columns = INTERVALS.filter((minutes) => minutes <= 5 || seen.has(minutes) || seen.size === 0).concat(after);
  const totals = new Map(columns.map((minutes) => [minutes, state.opened.entrants.reduce((sum, e) => sum + Math.max(0, moneyOf(cells.get(e.entrant_id + " " + minutes)) || 0), 0)]));
  return { cells, lines, columns, totals, newest: seen.size ? Math.min(...seen) : null };
}
const moneyOf = (d) => d ? (state.view === "place" ? d.incremental_place_amount : d.incremental_win_amount) : null;
function colour(share) {
  const found = state.alerts.find((range) => share >= range.percentage_range_min && (range.percentage_range_max === null || share < range.percentage_range_max));
  return found ? found.color : null;
}
function cell(entrant, minutes, g) {
  const d = g.cells.get(entrant.entrant_id + " " + minutes);
  if (state.view === "odds") {
    const before = g.columns.slice(0, g.columns.indexOf(minutes)).reverse().map((m) => g.cells.get(entrant.entrant_id + " " + m)).find(Boolean);
    const shortened = d && before && d.fixed_win_odds && before.fixed_win_odds ? (before.fixed_win_odds - d.fixed_win_odds) / before.fixed_win_odds * 100 : 0;
    return lit(el("td", null, d ? odds(d.fixed_win_odds) : ""), colour(shortened), d && before ? shortened.toFixed(1) + " % shorter" : null);
  }
  const cents = moneyOf(d);
  const total = g.totals.get(minutes);
  const share = cents > 0 && total > 0 ? cents / total * 100 : 0;
  const td = el("td", { class: cents < 0 ? "minus" : null }, cents === null || cents === undefined ? "" : cents === 0 ? "·" : dollars(cents));
  return lit(td, colour(share), share ? share.toFixed(1) + " % of the interval's money" : null);
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
  const points = values.map((value, i) => (i / (values.length - 1) * 64).toFixed(1) + "," + (20 - (value - low) / span * 18).toFixed(1)).join(" ");
  return el("svg", { class: "spark", viewBox: "0 0 64 22", role: "img" },
    el("title", null, "Odds of " + name + " from " + odds(values[0]) + " to " + odds(values[values.length - 1])), el("polyline", { points }));
}
function row(entrant, g) {
  const place = state.view === "place";
  return el("tr", { class: entrant.is_scratched ? "scratched" : null },
    el("th", { scope: "row", class: "runner", title: [entrant.name, entrant.jockey, entrant.trainer_name].filter(Boolean).join(", ") },
      el("div", null, el("b", null, entrant.runner_number === null ? "" : String(entrant.runner_number)), el("span", null, entrant.name || ""),
        entrant.favourite ? mark(FAVOURITE, "favourite") : null, entrant.mover ? mark(MOVER, "mover") : null)),
    el("td", { class: "fixed" }, entrant.is_scratched ? "scr" : odds(place ? entrant.place_odds : entrant.win_odds)),
    el("td", null, odds(place ? entrant.pool_place_odds : entrant.pool_win_odds)),
    el("td", null, entrant.hold_percentage === null ? "–" : entrant.hold_percentage.toFixed(1) + "%"),
    el("td", null, spark(g.lines.get(entrant.entrant_id) || [], entrant.name)),
    g.columns.map((minutes) => cell(entrant, minutes, g)));
}
const mark = (sign, meaning) => el("i", { class: "mark", title: meaning, role: "img", "aria-label": meaning }, sign);
function table() {
  const g = figures();
  const facts = ["Fixed", "Tote", "Hold", "Trend"];
  const fact = (text) => el("th", { scope: "col", rowspan: 2, class: text === "Fixed" ? "fixed" : null }, text);
  return el("table", null,
    el("thead", null,
      el("tr", null, el("th", { scope: "col", class: "runner", rowspan: 2 }, "Runner"), facts.map(fact),
        el("th", { scope: "colgroup", class: "over", colspan: g.columns.length }, el("span", null, "Minutes to the start"))),
      el("tr", null, g.columns.map((minutes) => el("th", { scope: "col", class: minutes === g.newest ? "now" : null, "data-minutes": minutes }, String(minutes).replace("-", "−"))))),
    el("tbody", null, state.opened.entrants.map((entrant) => row(entrant, g))),
    state.view === "odds" ? null : el("tfoot", null, el("tr", null, el("th", { scope: "row", class: "runner" }, "Money in"), el("td", { class: "fixed" }), el("td", { colspan: facts.length - 1 }),
      g.columns.map((minutes) => el("td", null, g.totals.get(minutes) ? dollars(g.totals.get(minutes)) : "")))));
}
