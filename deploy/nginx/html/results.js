// The result of a race: the placings with what they pay, and what the other pools pay.

import { el } from "./dom.js";
import { odds } from "./format.js";
import { shown } from "./state.js";

const WORDS = ["first", "second", "third", "fourth"];
const ORDINALS = ["1st", "2nd", "3rd", "4th"];

// A dividend by its pool and its runners; an interim one gives way to the final one.
function dividends(data) {
  const paid = new Map();
  for (const of of data) {
    if (!of.dividend) continue;
    const pool = (of.product_name ?? "").replace(/^Pool /, "");
    const runners = (of.positions ?? []).map((at) => at?.runner_number ?? at);
    const key = `${pool} ${runners.join("–")}`;
    if (!paid.has(key) || of.status !== "Interim") paid.set(key, { pool, runners, dividend: of.dividend });
  }
  return [...paid.values()];
}

const isSingle = ({ pool }) => pool === "Win" || pool === "Place";
const paysOf = (paid, pool, number) => paid.find((of) => of.pool === pool && of.runners[0] === number)?.dividend;
const row = (kind, texts) =>
  el(
    "tr",
    null,
    texts.map((text, at) => el(at ? kind : "th", { scope: kind === "th" ? "col" : at ? null : "row" }, text)),
  );

function table(caption, heads, rows) {
  const body = el(
    "tbody",
    { class: "placings" },
    rows.map((texts) => row("td", texts)),
  );
  return el("table", null, el("caption", null, caption), el("thead", null, row("th", heads)), body);
}

function placing(runner, paid, fixed) {
  const number = runner.runner_number;
  const prices = fixed?.[number] ?? {};
  return [
    ORDINALS[runner.position - 1] ?? `${runner.position}`,
    `${number} ${runner.name || ""}`,
    odds(paysOf(paid, "Win", number)),
    odds(paysOf(paid, "Place", number)),
    odds(prices.fixed_win_odds),
    odds(prices.fixed_place_odds),
  ];
}

// Both tables; null until there is a result.
export function resultTables() {
  const { results } = shown();
  if (!results?.results_data?.length) return null;
  const paid = dividends(results.dividends_data ?? []);
  const heads = ["", "Runner", "Win", "Place", "Fixed win", "Fixed place"];
  const placings = results.results_data.map((runner) => placing(runner, paid, results.fixed_odds_data));
  const others = paid.filter((of) => !isSingle(of)).map((of) => [of.pool, of.runners.join("–"), odds(of.dividend)]);
  return el(
    "section",
    { class: "results", "aria-label": "Result" },
    table(`Result (${results.result_status || "interim"}), pays per dollar`, heads, placings),
    others.length ? table("Other pools", ["Pool", "Runners", "Pays"], others) : null,
  );
}

// The runner's place among the first four as a mark; null if it has none.
export function placeMark(entrant) {
  const placed = shown().results?.results_data?.find((runner) => runner.entrant_id === entrant.entrant_id);
  const at = placed ? placed.position - 1 : -1;
  if (!ORDINALS[at]) return null;
  return el("i", { class: `placed at-${at + 1}`, title: WORDS[at] }, ORDINALS[at]);
}
