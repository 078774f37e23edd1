// What the browser keeps for the user; private mode keeps nothing.

const name = (key) => `raceday-${key}`;

export function stored(key) {
  try {
    return localStorage.getItem(name(key));
  } catch {
    return null;
  }
}

export function store(key, value) {
  try {
    localStorage.setItem(name(key), value);
  } catch {
    // As above.
  }
}
