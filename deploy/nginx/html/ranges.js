// The user's alert settings: six ranges with their colours, edited in a dialog and kept by the server.

import { get, post } from "./api.js";
import { paint } from "./bands.js";
import { byId, el } from "./dom.js";
import { state } from "./state.js";
import { store } from "./storage.js";

// As a new user gets them: from, to, colour.
const DEFAULTS = [
  [5, 10, "#E5E7EB"],
  [10, 15, "#BFDBFE"],
  [15, 20, "#FEF3C7"],
  [20, 25, "#BBF7D0"],
  [25, 50, "#FECACA"],
  [50, null, "#F3E8FF"],
];

const dialog = byId("settings");
let onSaved = null;

// What the page uses of the settings.
export function takeAlerts({ indicators, audible_alerts_enabled: isAudible }) {
  state.alerts = indicators.filter((indicator) => indicator.enabled);
  Object.assign(state, { isAudible, hasAlerts: true });
}

function input(order, name, label, attributes) {
  const field = { name, "aria-label": `Range ${order}: ${label}`, ...attributes };
  return el("td", null, el("input", field));
}

function row({ display_order: order, enabled, color, percentage_range_min: min, percentage_range_max: max }) {
  const number = { type: "number", min: 0, max: 100, step: "any", inputmode: "decimal" };
  return el(
    "tr",
    { "data-order": order },
    input(order, "enabled", "shown", { type: "checkbox", checked: enabled }),
    input(order, "min", "from", { ...number, required: true, value: min }),
    input(order, "max", "to, empty for no end", { ...number, value: max === null ? "" : max }),
    input(order, "color", "colour", { type: "color", value: color.toLowerCase() }),
    el("td", null, paint(el("i", { class: "band" }, "1,234"), { color, display_order: order })),
  );
}

function fill(indicators, isAudible) {
  byId("ranges").replaceChildren(...indicators.map(row));
  byId("audible").checked = isAudible;
}

function fillDefaults() {
  const of = ([min, max, color], at) => ({
    display_order: at + 1,
    enabled: true,
    color,
    percentage_range_min: min,
    percentage_range_max: max,
  });
  fill(DEFAULTS.map(of), true);
}

async function load() {
  report("");
  try {
    const alerts = await get(`/api/user-alert-configs?userId=${encodeURIComponent(byId("user").value)}`);
    fill(alerts.indicators, alerts.audible_alerts_enabled);
  } catch (error) {
    report(`${error.message}, try again.`);
  }
}

function indicators() {
  return [...byId("ranges").rows].map((tr) => {
    const value = (name) => tr.querySelector(`[name="${name}"]`);
    const max = value("max").value;
    return {
      indicator_type: "percentage_range",
      display_order: Number(tr.dataset.order),
      enabled: value("enabled").checked,
      percentage_range_min: Number(value("min").value),
      percentage_range_max: max === "" ? null : Number(max),
      color: value("color").value.toUpperCase(),
    };
  });
}

function report(text) {
  byId("settings-problem").textContent = text;
}

// "indicators[1]: color must be ..." is about the second range.
const inWords = (mistake) => mistake.replace(/^indicators\[(\d)\]: /, (_, at) => `Range ${Number(at) + 1}: `);

async function save(event) {
  event.preventDefault();
  const user = byId("user").value || "Default User";
  const body = { user_id: user, indicators: indicators(), audible_alerts_enabled: byId("audible").checked };
  try {
    const saved = await post("/api/user-alert-configs", body);
    if (saved.error) {
      report([`Not saved: ${saved.error}`, ...(saved.details ?? []).map(inWords)].join("\n"));
      return;
    }
    state.user = user;
    store("user", user);
    takeAlerts(saved);
    dialog.close();
    onSaved();
  } catch (error) {
    report(`Not saved: ${error.message}, try again.`);
  }
}

// Opens the dialog; `then` is called when the settings are saved.
export function editSettings(then) {
  onSaved = then;
  byId("user").value = state.user;
  byId("ranges").replaceChildren();
  dialog.showModal();
  load();
}

function repaint(event) {
  const tr = event.target.closest("tr");
  if (event.target.name !== "color" || !tr) return;
  paint(tr.querySelector(".band"), { color: event.target.value, display_order: Number(tr.dataset.order) });
}

byId("settings-form").addEventListener("submit", save);
byId("settings-form").addEventListener("input", repaint);
byId("user").addEventListener("change", load);
byId("settings-defaults").addEventListener("click", fillDefaults);
byId("settings-cancel").addEventListener("click", () => dialog.close());
