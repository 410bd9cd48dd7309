/**
 * Preloaded into a broker: tells whoever started it how long its loop was held at most. What the
 * thread waited for a processor is left out, so that a busy machine does not count.
 *
 *   asks "reset"   -> the longest hold so far is forgotten
 *   asks "report"  -> { longestMs, p9999Ms, over5: how many were longer than 5 ms }
 */
import { openSync, readSync } from "node:fs";
import { Histogram } from "../../../src/base/histogram.ts";

const TICK_MS = 1;
const LONG_MS = 5;

const schedstat = openSync("/proc/thread-self/schedstat", "r");
const text = Buffer.alloc(100);
let lastMs = performance.now();
let lastWaitedMs = waitedMs();
let longestMs = 0;
let over5 = 0;
const holdsUs = new Histogram();

/** Time that this thread was ready to run and did not: the second number of schedstat. */
function waitedMs(): number {
  const size = readSync(schedstat, text, 0, text.length, 0);
  return Number(text.toString("latin1", 0, size).split(" ")[1]) / 1e6;
}

function tick(): void {
  const waited = waitedMs();
  const heldMs = performance.now() - lastMs - TICK_MS - (waited - lastWaitedMs);
  if (heldMs > longestMs) longestMs = heldMs;
  holdsUs.record(heldMs * 1000);
  if (heldMs > LONG_MS) over5++;
  lastWaitedMs = waited;
  lastMs = performance.now();
  setTimeout(tick, TICK_MS);
}

process.on("message", (message) => {
  if (message === "report") {
    process.send?.({ longestMs, p9999Ms: holdsUs.quantile(0.9999) / 1000, over5 });
  }
  holdsUs.reset();
  longestMs = 0;
  over5 = 0;
  lastWaitedMs = waitedMs();
});
tick();
