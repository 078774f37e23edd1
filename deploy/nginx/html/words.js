// A runner's late money in words: how much, how unusual, and what accompanies it.

import { dollars, join, odds } from "./format.js";

// Whole dollars that are certain, and that certainly suffice.
const atLeast = (cents) => dollars(Math.floor(cents / 100) * 100);
const atMost = (cents) => dollars(Math.ceil(cents / 100) * 100);

// Whether a runner's evidence is unusual now, or was when it became a signal.
export const isUnusual = (of) => of.rarity >= 20 || of.level !== null;

export function rarityText({ rarity, level, provisional }) {
  if (rarity >= 20) return `1\u00a0in\u00a0${rarity}${provisional ? ", provisional" : ""}`;
  return level ? `1\u00a0in\u00a0${level} earlier` : "not unusual";
}

// For instance "4.1 × its share, ≥ $3,800 more than expected, 1 in 200".
export function phrase(of) {
  const multiple = of.multiple === null ? null : `${of.multiple.toFixed(1)}\u00a0×\u00a0its share`;
  const excess = of.excess >= 100 ? `≥\u00a0${atLeast(of.excess)} more than expected` : null;
  return join([multiple, excess, rarityText(of)], ", ");
}

const bets = (of, kind) =>
  `${of.count} ${kind}${of.count === 1 ? "" : "s"} named: ${dollars(of.stake_cents)}, the largest ${dollars(of.largest_cents)}`;

const REASONS = {
  fixed_shortened: (of) => `fixed odds shortened from ${odds(of.from)} to ${odds(of.to)} in ${of.seconds} s`,
  fixed_lags: (of) => `the tote has ${Math.exp(of.log_ratio).toFixed(2)} × the chance that fixed odds give it`,
  place_follows: (of) => `money in the place pool too (evidence ${of.evidence.toFixed(1)})`,
  exotics: (of) =>
    `first in ${of.share.toFixed(1)} % of Trifecta and First 4 money, ${odds(of.win_share)} % of the win pool`,
  big_bets: (of) => bets(of, "big bet"),
  live_bets: (of) => bets(of, "live bet"),
  ticket_size: (of) => `${of.ratio.toFixed(1)} × the usual bet (${of.hold} % of the money in ${of.bet} % of the bets)`,
};

// A reason that this page does not know yet is shown by its name.
export const reasonTexts = (reasons) =>
  Object.entries(reasons || {}).map(([name, of]) => REASONS[name]?.(of) ?? name.replaceAll("_", " "));

// The money on a runner: one figure, or a range where rounded odds leave more than a twentieth open.
export function rangeText({ win_low: low, win_mid: mid, win_high: high }) {
  if (mid === null || mid === undefined) return "–";
  const matters = high - low >= 2000 && (high - low) * 20 >= mid;
  return matters ? `${atLeast(low)}–${atMost(high).replace("$", "")}` : dollars(mid);
}
