/**
 * Preloaded into a broker: tells whoever started it how long its loop was held. What the thread
 * waited for a processor is left out, so that a busy machine does not count. What the host of a
 * virtual machine gave to others is in a hold, and not in what the thread ran.
 *
 *   asks "reset"   -> what was held so far is forgotten
 *   asks "report"  -> LoopHolds (kit/loop-probe.ts)
 *   asks "why"     -> from now on also what was on the stack in those (why.ts): slows all down
 */
import { openSync, readSync } from "node:fs";
import { Histogram } from "../../../src/base/histogram.ts";
import type { HoldSpread, LoopHolds } from "../../kit/loop-probe.ts";
import { type Sampling, sampling } from "./why.ts";

const TICK_MS = 1;
const LONG_MS = 5;

const schedstat = openSync("/proc/thread-self/schedstat", "r");
const text = Buffer.alloc(100);
let lastMs = performance.now();
let last = scheduled();
let over5 = 0;
const heldUs = new Histogram();
const ranUs = new Histogram();
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
  heldUs.record(heldMs * 1000);
  ranUs.record((now.ranMs - last.ranMs) * 1000);
  if (heldMs > LONG_MS) {
    over5++;
    stacks?.held(heldMs);
  }
  last = now;
  lastMs = performance.now();
  setTimeout(tick, TICK_MS);
}

/** Of fewer than 10,000 the first is the greatest, too. */
function spread(us: Histogram): HoldSpread {
  return { p9999Ms: us.quantile(0.9999) / 1000, maxMs: us.max / 1000 };
}

process.on("message", (message) => {
  if (message === "why") stacks = sampling();
  if (message === "report") {
    const why = stacks?.told() ?? [];
    process.send?.({ held: spread(heldUs), ran: spread(ranUs), over5, why } satisfies LoopHolds);
  }
  stacks?.forget();
  heldUs.reset();
  ranUs.reset();
  over5 = 0;
  last = scheduled();
  lastMs = performance.now();
});
tick();
