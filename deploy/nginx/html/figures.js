// What the grid shows of the money flow: the columns, the money of each cell, and by how much its share rose.

import { shown, state } from "./state.js";

const INTERVALS = [60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0];
// These columns are there before their polls are.
const LAST_MINUTES = 5;

const cellKey = (entrantId, minutes) => `${entrantId} ${minutes}`;

export function moneyOf(entry) {
  if (!entry) return null;
  return state.view === "place" ? entry.incremental_place_amount : entry.incremental_win_amount;
}

// The last document of each runner in each interval, each runner's odds in order, the columns and their totals.
export function figures() {
  const cells = new Map();
  const lines = new Map();
  const documents = [...shown().documents.values()].sort((a, b) => a.id - b.id);
  for (const entry of documents) {
    cells.set(cellKey(entry.entrant_id, entry.time_interval), entry);
    if (!lines.has(entry.entrant_id)) lines.set(entry.entrant_id, []);
    const value = state.view === "place" ? entry.fixed_place_odds : entry.fixed_win_odds;
    if (value !== null) lines.get(entry.entrant_id).push(value);
  }
  const of = (entrantId, minutes) => cells.get(cellKey(entrantId, minutes));
  const seen = new Set(documents.map((entry) => entry.time_interval));
  const columns = columnsOf(seen, of);
  const totals = new Map(columns.map((minutes) => [minutes, moneyIn(of, minutes)]));
  const polled = columns.filter((minutes) => seen.has(minutes));
  return { of, lines, columns, totals, newest: polled.length ? Math.min(...polled) : null };
}

// The intervals with figures and, until the race is over, the last minutes; all if there are no figures. After the
// start, only intervals in which something changed.
function columnsOf(seen, of) {
  const { race, entrants } = shown();
  const isOver = race.phase === "finished" || race.phase === "abandoned";
  const isShown = (minutes) => seen.has(minutes) || seen.size === 0 || (minutes <= LAST_MINUTES && !isOver);
  const columns = INTERVALS.filter(isShown);
  for (const minutes of [...seen].filter((minutes) => minutes < 0).sort((a, b) => b - a)) {
    const before = columns[columns.length - 1];
    if (entrants.some(({ entrant_id: id }) => isChange(of(id, minutes), of(id, before)))) columns.push(minutes);
  }
  return columns;
}

function isChange(entry, before) {
  if (!entry) return false;
  return state.view === "odds" ? entry.fixed_win_odds !== (before?.fixed_win_odds ?? null) : Boolean(moneyOf(entry));
}

function moneyIn(of, minutes) {
  const amounts = shown().entrants.map((entrant) => moneyOf(of(entrant.entrant_id, minutes)));
  return amounts.reduce((sum, cents) => sum + Math.max(0, cents || 0), 0);
}

// A runner's share of an interval's money in per cent; null if no money came in.
function shareOf(grid, entrantId, minutes) {
  const total = grid.totals.get(minutes);
  return total > 0 ? (Math.max(0, moneyOf(grid.of(entrantId, minutes)) || 0) / total) * 100 : null;
}

const earlier = (grid, minutes) => grid.columns.slice(0, grid.columns.indexOf(minutes)).reverse();

// A runner's share of an interval's money, and by how many points it rose over the interval before with any money.
export function shareAndRise(grid, entrantId, minutes) {
  const share = shareOf(grid, entrantId, minutes);
  const before = earlier(grid, minutes).find((column) => grid.totals.get(column) > 0);
  const isKnown = share !== null && before !== undefined;
  return { share, rise: isKnown ? share - shareOf(grid, entrantId, before) : null };
}

// By how many per cent fixed odds shortened since the runner's interval before; null if either is unknown.
export function shortening(grid, entrantId, minutes) {
  const entry = grid.of(entrantId, minutes);
  const before = earlier(grid, minutes)
    .map((column) => grid.of(entrantId, column))
    .find(Boolean);
  if (!entry?.fixed_win_odds || !before?.fixed_win_odds) return null;
  return ((before.fixed_win_odds - entry.fixed_win_odds) / before.fixed_win_odds) * 100;
}

const ORDERS = {
  number: () => (entrant) => entrant.runner_number ?? Number.POSITIVE_INFINITY,
  odds: () => (entrant) => entrant.win_odds ?? entrant.pool_win_odds ?? Number.POSITIVE_INFINITY,
  money: (grid) => {
    const newest = grid.columns.findLast((minutes) => grid.totals.get(minutes) > 0);
    return (entrant) => -(moneyOf(grid.of(entrant.entrant_id, newest)) || 0);
  },
};

// The runners in the order that the user chose. By odds and money, scratched runners are last.
export function sorted(grid) {
  const of = (ORDERS[state.sort] ?? ORDERS.number)(grid);
  const isLast = (entrant) => Number(state.sort !== "number" && entrant.is_scratched);
  return shown().entrants.toSorted((a, b) => isLast(a) - isLast(b) || of(a) - of(b));
}
