// An opened runner over time: its share of the win pool with its bounds, its odds, and the evidence with its levels.

import { get } from "./api.js";
import { byId, el } from "./dom.js";
import { dollars, odds, percent } from "./format.js";
import { state } from "./state.js";
import { phrase } from "./words.js";

const HEIGHT = 110;
const LEFT = 44;
const RIGHT = 66;
const BOTTOM = 18;
// The last quarter of an hour has what matters.
const SECONDS = 900;

const known = (points, key) => points.filter((point) => point[key] !== null);

export async function loadChart(opened) {
  const { chart } = opened;
  if (!chart.entrantId) return;
  const query = `raceId=${encodeURIComponent(opened.id)}&entrantId=${encodeURIComponent(chart.entrantId)}`;
  const data = await get(`/api/signals/chart?${query}`);
  // Meanwhile another runner may have been opened.
  if (chart === opened.chart) chart.data = data;
}

// Where a second and a value lie in a panel that holds the points, and the values that were asked for besides.
function scales(points, values, width) {
  const from = points[0].seconds_to_start;
  const span = from - points[points.length - 1].seconds_to_start || 1;
  const low = Math.min(...values);
  const height = Math.max(...values) - low || 1;
  return {
    x: (seconds) => LEFT + ((from - seconds) / span) * (width - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - ((value - low) / height) * (HEIGHT - BOTTOM - 10),
    low,
    high: low + height,
  };
}

const place = (scale, point, key) => `${scale.x(point.seconds_to_start).toFixed(1)},${scale.y(point[key]).toFixed(1)}`;
const label = (x, y, text, kind) => el("text", { x: x.toFixed(1), y: y.toFixed(1), class: kind }, text);

function line(scale, points, key, kind) {
  const shown = known(points, key);
  return el("polyline", { class: kind, points: shown.map((point) => place(scale, point, key)).join(" ") });
}

function band(scale, points) {
  const upper = points.map((point) => place(scale, point, "share_high"));
  const lower = points.map((point) => place(scale, point, "share_low")).reverse();
  return el("polygon", { class: "range", points: [...upper, ...lower].join(" ") });
}

// The whole minutes before and after the start.
function minutes(scale, points) {
  const [first, last] = [points[0].seconds_to_start, points[points.length - 1].seconds_to_start];
  const step = first - last > 600 ? 300 : 60;
  const marks = [];
  for (let at = Math.floor(first / step) * step; at >= last; at -= step) marks.push(at);
  return marks.flatMap((at) => [
    el("line", { class: "tick", x1: scale.x(at), x2: scale.x(at), y1: 6, y2: HEIGHT - BOTTOM }),
    label(scale.x(at), HEIGHT - 4, at === 0 ? "start" : String(at / 60).replace("-", "−"), "minute"),
  ]);
}

function panel(title, summary, scale, points, text, ...marks) {
  const svg = el(
    "svg",
    {
      class: "panel",
      viewBox: `0 0 ${width()} ${HEIGHT}`,
      height: HEIGHT,
      role: "img",
      "aria-label": `${title}. ${summary}`,
    },
    minutes(scale, points),
    marks.flat(),
    label(2, 14, text(scale.high), "edge"),
    label(2, HEIGHT - BOTTOM, text(scale.low), "edge"),
  );
  return el("figure", null, el("figcaption", null, el("b", null, title), ` ${summary}`), svg);
}

const width = () => Math.max(280, byId("main").clientWidth - 26);

function sharePanel(points) {
  const shown = known(points, "share");
  if (shown.length < 2) return null;
  const scale = scales(
    shown,
    shown.flatMap((point) => [point.share_low, point.share_high]),
    width(),
  );
  const last = shown[shown.length - 1];
  const bounds = `${percent(last.share_low)} to ${percent(last.share_high)}`;
  const summary = `From ${percent(shown[0].share)} to ${percent(last.share)}; by the rounded odds, ${bounds}.`;
  const end = label(scale.x(last.seconds_to_start) + 4, scale.y(last.share) + 4, percent(last.share), "end");
  return panel(
    "Share of the win pool",
    summary,
    scale,
    shown,
    percent,
    band(scale, shown),
    line(scale, shown, "share", "share"),
    end,
  );
}

function oddsPanel(points) {
  const lines = { fixed_win_odds: "fixed", pool_win_odds: "tote" };
  const keys = Object.keys(lines).filter((key) => known(points, key).length > 1);
  if (!keys.length) return null;
  const scale = scales(
    points,
    keys.flatMap((key) => known(points, key).map((point) => point[key])),
    width(),
  );
  const ends = keys.map((key) => known(points, key).at(-1));
  const words = keys.map((key, at) => `${lines[key]} ${odds(known(points, key)[0][key])} to ${odds(ends[at][key])}`);
  const heights = keys.map((key, at) => scale.y(ends[at][key]) + 4);
  // Two labels must not lie on each other.
  if (heights.length === 2 && Math.abs(heights[0] - heights[1]) < 13) {
    const upper = heights[0] <= heights[1] ? 0 : 1;
    heights[upper] = Math.max(12, heights[upper] - 7);
    heights[1 - upper] = heights[upper] + 13;
  }
  const labels = keys.map((key, at) =>
    label(
      scale.x(ends[at].seconds_to_start) + 4,
      heights[at],
      `${lines[key]} ${odds(ends[at][key])}`,
      `end ${lines[key]}`,
    ),
  );
  const marks = keys.map((key) => line(scale, points, key, lines[key]));
  return panel("Odds to win", `${words.join(", ")}.`, scale, points, odds, marks, labels);
}

function evidencePanel(points, data) {
  const shown = known(points, "evidence");
  if (shown.length < 2) return null;
  const levels = [20, 200].filter((level) => data[`evidence_${level}`] !== null);
  const values = [0, ...shown.map((point) => point.evidence), ...levels.map((level) => data[`evidence_${level}`])];
  const scale = scales(shown, values, width());
  const most = Math.max(...shown.map((point) => point.evidence));
  const reached = levels.filter((level) => most >= data[`evidence_${level}`]).at(-1);
  const verdict = reached ? `as 1 race in ${reached} reaches` : "which is not unusual";
  const marks = levels.flatMap((level) => {
    const y = scale.y(data[`evidence_${level}`]);
    const end = width() - RIGHT;
    return [
      el("line", { class: "level", x1: LEFT, x2: end, y1: y, y2: y }),
      label(end + 4, y + 4, `1 in ${level}`, "end"),
    ];
  });
  const text = (value) => value.toFixed(1);
  const summary = `Up to ${text(most)}, ${verdict}${data.provisional ? " (provisional)" : ""}.`;
  return panel("Evidence", summary, scale, shown, text, marks, line(scale, shown, "evidence", "evidence"));
}

// The same as text, newest first.
function figures(points) {
  const row = (point) =>
    el(
      "tr",
      null,
      el("th", { scope: "row" }, `${point.seconds_to_start} s`.replace("-", "−")),
      el("td", null, point.share === null ? "–" : `${point.share_low.toFixed(1)}–${point.share_high.toFixed(1)} %`),
      el("td", null, dollars(point.win_mid)),
      el("td", null, odds(point.fixed_win_odds)),
      el("td", null, odds(point.pool_win_odds)),
      el("td", null, point.evidence === null ? "–" : point.evidence.toFixed(2)),
    );
  const names = ["To the start", "Share", "Money", "Fixed", "Tote", "Evidence"];
  const head = el(
    "thead",
    null,
    el(
      "tr",
      null,
      names.map((name) => el("th", { scope: "col" }, name)),
    ),
  );
  const table = el("table", null, head, el("tbody", { class: "figures" }, points.toReversed().map(row)));
  const attributes = { "data-key": "figures", open: state.opened.chart.hasFigures };
  const details = el(
    "details",
    attributes,
    el("summary", { "data-key": "summary" }, "Figures"),
    el("div", { class: "figures" }, table),
  );
  details.addEventListener("toggle", () => {
    state.opened.chart.hasFigures = details.open;
  });
  return details;
}

// The open runner's panels; null if none is open.
export function chart(onClose) {
  const { entrantId, data } = state.opened.chart;
  if (!entrantId) return null;
  const close = el("button", { type: "button", "data-key": "close", onclick: onClose }, "Close");
  // What is known of how unusual it was is not replayed.
  const of = state.opened.replay ? null : state.opened.runners.get(entrantId);
  const name = el("h3", { id: "chart-title" }, data ? `${data.runner_number ?? ""} ${data.name ?? ""}` : "Loading");
  const words = of && of.evidence !== null ? el("p", null, phrase(of)) : null;
  const until = state.opened.replay?.at;
  const polled = (data?.points ?? []).filter((point) => !until || point.event_timestamp <= until);
  const recent = polled.filter((point) => point.seconds_to_start <= SECONDS);
  const points = recent.length > 1 ? recent : polled;
  const panels =
    data && points.length > 1
      ? [sharePanel(points), oddsPanel(points), evidencePanel(points, data), figures(points)]
      : [];
  const none = data && !panels.some(Boolean) ? el("p", { class: "empty" }, "Too few polls yet") : null;
  return el(
    "section",
    { id: "chart", "aria-labelledby": "chart-title" },
    el("div", { class: "chart-head" }, name, words, close),
    panels,
    none,
  );
}
