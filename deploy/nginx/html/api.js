// Requests to the REST contract.

const fail = (message, retryMs) => Object.assign(new Error(message), { retryMs });

// Returns the JSON of a response, or null if it is 404. Throws the reason, and when to retry, if there is no data.
export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!response) throw fail("No connection to the server", 5000);
  if (response.status === 404) return null;
  if (response.ok) return response.json();
  if (response.status === 429) throw fail("Too many requests", 20000);
  throw fail(`The server has no data (${response.status})`, 5000);
}

// Sends JSON and returns the JSON of the response; that of a 400 says what is wrong. Throws like `get`.
export async function post(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => null);
  if (!response) throw fail("No connection to the server", 5000);
  if (response.ok || response.status === 400) return response.json();
  if (response.status === 429) throw fail("Too many requests", 20000);
  throw fail(`The server did not take it (${response.status})`, 5000);
}
