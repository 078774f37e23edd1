// Figures as text.

const DOLLARS = new Intl.NumberFormat("en-NZ", {
  style: "currency",
  currency: "NZD",
  currencyDisplay: "narrowSymbol",
  maximumFractionDigits: 0,
  signDisplay: "negative",
});

const WHOLE = new Intl.NumberFormat("en-NZ", { maximumFractionDigits: 0, signDisplay: "negative" });

const isUnknown = (value) => value === null || value === undefined;

export const dollars = (cents) => (isUnknown(cents) ? "–" : DOLLARS.format(cents / 100));
export const percent = (value) => `${value.toFixed(1)} %`;
// Dollars without their sign, where a heading has it.
export const amount = (cents) => WHOLE.format(cents / 100);
export const odds = (value) => (isUnknown(value) ? "–" : value.toFixed(2));

// Joins the facts that are known.
export const join = (facts, separator) => facts.filter(Boolean).join(separator);
