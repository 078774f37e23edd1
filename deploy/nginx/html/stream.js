// A connection to the hub, which sends what is new. It is opened again after every failure, from where it stood.

const FIRST_WAIT_MS = 3000;
const LONGEST_WAIT_MS = 60000;
// One that lived as long was no failure.
const STEADY_MS = 30000;

// Opens a stream. `address` gives its path each time, `handlers` take an event's data and id, `onChange` hears whether
// it is live.
export function connect(address, handlers, onChange) {
  const connection = { isLive: false, open, close };
  let source = null;
  let timer = null;
  let failures = 0;
  let openedAt = null;

  function set(isLive) {
    if (connection.isLive === isLive) return;
    connection.isLive = isLive;
    onChange(isLive);
  }

  function retry() {
    source.close();
    if (connection.isLive && performance.now() - openedAt > STEADY_MS) failures = 0;
    set(false);
    // Spread, so that not all pages come back at once.
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 3 ** failures) * (0.5 + Math.random() / 2);
    failures += 1;
    timer = setTimeout(open, wait);
  }

  function open() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(address());
    source.addEventListener("open", () => {
      openedAt = performance.now();
      set(true);
    });
    source.addEventListener("error", retry);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data), event.lastEventId));
    }
  }

  // Whoever closes it knows.
  function close() {
    clearTimeout(timer);
    source?.close();
    connection.isLive = false;
  }

  open();
  return connection;
}
