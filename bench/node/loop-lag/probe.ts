/**
 * Preloaded into a broker: tells whoever started it how long its loop was held at most. What the
 * thread waited for a processor is left out, so that a busy machine does not count.
 *
 *   asks "reset"   -> the longest hold so far is forgotten
 *   asks "report"  -> { longestMs, ranMs: most on a processor, p9999Ms, over5: longer than 5 ms }
 *   asks "why"     -> from now on also what was on the stack in those (why.ts): slows all down
 */
import { openSync, readSync } from "node:fs";
import { Histogram } from "../../../src/base/histogram.ts";
import { type Sampling, sampling } from "./why.ts";

const TICK_MS = 1;
const LONG_MS = 5;

const schedstat = openSync("/proc/thread-self/schedstat", "r");
const text = Buffer.alloc(100);
let lastMs = performance.now();
let last = scheduled();
let longestMs = 0;
let ranMs = 0;
let over5 = 0;
const holdsUs = new Histogram();
let stacks: Sampling | null = null;

/** For how long this thread has run, and has been ready to run and did not. */
function scheduled(): { readonly ranMs: number; readonly waitedMs: number } {
  const size = readSync(schedstat, text, 0, text.length, 0);
  const [ran, waited] = text.toString("latin1", 0, size).split(" ");
  return { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
}

function tick(): void {
  const now = scheduled();
  const heldMs = performance.now() - lastMs - TICK_MS - (now.waitedMs - last.waitedMs);
  longestMs = Math.max(longestMs, heldMs);
  ranMs = Math.max(ranMs, now.ranMs - last.ranMs);
  holdsUs.record(heldMs * 1000);
  if (heldMs > LONG_MS) {
    over5++;
    stacks?.held(heldMs);
  }
  last = now;
  lastMs = performance.now();
  setTimeout(tick, TICK_MS);
}

process.on("message", (message) => {
  if (message === "why") stacks = sampling();
  if (message === "report") {
    const p9999Ms = holdsUs.quantile(0.9999) / 1000;
    process.send?.({ longestMs, ranMs, p9999Ms, over5, why: stacks?.told() ?? [] });
  }
  stacks?.forget();
  holdsUs.reset();
  longestMs = 0;
  ranMs = 0;
  over5 = 0;
  last = scheduled();
  lastMs = performance.now();
});
tick();
