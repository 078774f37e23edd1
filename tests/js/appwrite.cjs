// Calls a node-appwrite for a test: node appwrite.cjs PACKAGE ENDPOINT PROJECT KEY
//
// Each line of stdin is a list of calls to make at once, [METHOD, ARGUMENT...] in the order of the SDK's arguments after the database.
// A list of queries is {"queries": [[OPERATOR, ARGUMENT...]]}. Each line of stdout has their outcomes: {"ok": RESULT} or {"error": ...}.
const readline = require("node:readline");

const [name, endpoint, project, key] = process.argv.slice(2);
const { Client, Databases, Query } = require(name);
const databases = new Databases(new Client().setEndpoint(endpoint).setProject(project).setKey(key));

// What a client must never see.
const warnings = [];
console.warn = (text) => warnings.push(text);

function argument(value) {
  return value?.queries ? value.queries.map(([operator, ...values]) => Query[operator](...values)) : value;
}

async function outcome([method, ...values]) {
  try {
    return { ok: await databases[method]("raceday-db", ...values.map(argument)) };
  } catch (error) {
    const { code, type, message, response } = error;
    return { error: { code, type, message, response } };
  }
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const outcomes = await Promise.all(JSON.parse(line).map(outcome));
  console.log(JSON.stringify({ outcomes, warnings }));
});
