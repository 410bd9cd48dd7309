// What the JavaScript drivers share: running the named scenarios one at a time, each with a
// deadline, and printing one JSON line for each. It is plain JavaScript because it runs under Node
// and Bun alike, from the cache folder where the client is installed.
import { createHash } from "node:crypto";

const SCENARIO_DEADLINE_MS = 150_000;

/** A fixed moment, so that timestamps in outcomes are the same in every run. */
export const T0 = 1_700_000_000_000;

/** Runs `scenarios` (name -> async function) or those named on the command line, then exits. */
export async function runScenarios(makeScenarios) {
  const [bootstrap, ...names] = process.argv.slice(2);
  const scenarios = makeScenarios(bootstrap);
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (names.length > 0 && !names.includes(name)) continue;
    let outcome;
    try {
      outcome = await withDeadline(scenario(), SCENARIO_DEADLINE_MS, name);
    } catch (error) {
      outcome = { failed: `${error?.name}: ${error?.message}` };
      process.stderr.write(`${name}: ${error?.stack}\n`);
    }
    process.stdout.write(`${JSON.stringify({ [name]: outcome }, plain)}\n`);
  }
  // Clients keep timers and sockets of their own; nothing of interest is left in them.
  process.exit(0);
}

export async function withDeadline(promise, deadlineMs, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `condition` again and again until it gives something truthy, and returns that. */
export async function until(what, condition, deadlineMs = 30_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

export function text(bytes) {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString();
}

function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
