// The server's clock, which runs faster than ours in a demo, and times in New Zealand.

// The server's time at a local moment, and its rate; null until the first response.
let clock = null;

export function setServerTime(timestamp) {
  const server = Date.parse(timestamp);
  const local = performance.now();
  const last = clock;
  if (last && local - last.local <= 2000) return;
  let rate = 1;
  if (last) rate = Math.min(600, Math.max(0.1, (server - last.server) / (local - last.local)));
  if (Math.abs(rate - 1) < 0.05) rate = 1;
  clock = { server, local, rate, isMeasured: Boolean(last) };
}

// Whether the clock's rate is known, which takes two responses.
export const isRateKnown = () => Boolean(clock?.isMeasured);

export function now() {
  return clock ? clock.server + (performance.now() - clock.local) * clock.rate : Date.now();
}

// Converts a wait in server milliseconds to local milliseconds, at least three seconds.
export const localWait = (serverMs) => Math.max(3000, serverMs / (clock ? clock.rate : 1));

// Whether a local moment lies further back than some server milliseconds, or there is none.
export const isOlder = (at, serverMs) => at === null || performance.now() - at > localWait(serverMs);

const nz = (locale, options) => new Intl.DateTimeFormat(locale, { timeZone: "Pacific/Auckland", ...options });
const DAY = nz("en-CA", {});
const MINUTE = nz("en-NZ", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECOND = nz("en-NZ", { timeStyle: "medium", hourCycle: "h23" });

export const nzDay = (at) => DAY.format(at);
export const nzTime = (timestamp) => MINUTE.format(Date.parse(timestamp));
export const nzSecond = (at) => SECOND.format(at);
