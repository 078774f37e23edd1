// The user's six ranges: which contains a value, and how it is painted in the theme.

import { state } from "./state.js";

// How much of a range's colour a cell has in the dark theme, by its order: the least important must not shine.
const DARK = [0.16, 0.24, 0.34, 0.5, 0.75, 1];
const DARK_PANEL = [24, 33, 42];
const INKS = [
  [0, 0, 0],
  [255, 255, 255],
];

const parse = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
const css = (colour) => `rgb(${colour.map(Math.round).join(", ")})`;

// As WCAG defines it.
function luminance(colour) {
  const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function ground(range) {
  const colour = parse(range.color);
  if (document.documentElement.dataset.theme !== "dark") return colour;
  const part = DARK[range.display_order - 1];
  return colour.map((value, at) => value * part + DARK_PANEL[at] * (1 - part));
}

// The enabled range that contains a value, if any.
export const rangeOf = (value) =>
  state.alerts.find(
    ({ percentage_range_min: min, percentage_range_max: max }) => value >= min && (max === null || value < max),
  );

// Gives an element the range's colour and a legible ink.
export function paint(node, range) {
  const colour = ground(range);
  node.style.backgroundColor = css(colour);
  node.style.color = css(contrast(colour, INKS[0]) >= contrast(colour, INKS[1]) ? INKS[0] : INKS[1]);
  return node;
}
