/** What one call costs: time, and bytes that it leaves to the garbage collector. */
import { heapStats } from "bun:jsc";

/** One step of the hot paths. */
export interface Stage {
  readonly name: string;
  /** Bytes that one call works through; left out where that says nothing. */
  readonly bytes?: number;
  /** It is called so often and no more: where each call leaves something behind. */
  readonly callsMax?: number;
  /** May be asynchronous. */
  readonly work: () => unknown;
  /** Gives back what the stage has made. */
  readonly close?: () => unknown;
}

export interface Cost {
  readonly nanoseconds: number;
  /** Of objects; what lies outside the heap, as the bytes of a large buffer, does not count. */
  readonly heapBytes: number;
}

const ROUNDS = 7;
const ROUND_NS = 20_000_000;
const WARM_UP_NS = 50_000_000;
const ALLOCATION_CALLS = 20_000;

/** What was made last, so that making it cannot be optimised away. */
let kept: unknown;

/** The best of several rounds: on a shared machine the mean says more about the neighbours. */
export async function costOf({ work, callsMax = Infinity }: Stage): Promise<Cost> {
  let left = callsMax;
  const warmUpNs = await timeOf(work, Math.min(100, left / 10));
  left -= Math.min(100, left / 10);
  const perCallNs = warmUpNs / Math.min(100, callsMax / 10);
  const warmUpCalls = callsOf(WARM_UP_NS, perCallNs, left / 4);
  const warmNs = (await timeOf(work, warmUpCalls)) / warmUpCalls;
  left -= warmUpCalls;
  const calls = callsOf(ROUND_NS, warmNs, left / (ROUNDS + 1));
  let nanoseconds = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    nanoseconds = Math.min(nanoseconds, (await timeOf(work, calls)) / calls);
    left -= calls;
  }
  const allocationCalls = Math.max(1, Math.floor(Math.min(ALLOCATION_CALLS, left)));
  return { nanoseconds, heapBytes: await heapBytesOf(work, allocationCalls) };
}

function callsOf(wantedNs: number, perCallNs: number, callsMax: number): number {
  return Math.max(1, Math.floor(Math.min(wantedNs / perCallNs, callsMax)));
}

async function timeOf(work: () => unknown, calls: number): Promise<number> {
  const start = Bun.nanoseconds();
  for (let call = 0; call < calls; call++) {
    const result = work();
    // Not to await what is no promise keeps the others as fast as they are.
    kept = result instanceof Promise ? await result : result;
  }
  const tookNs = Bun.nanoseconds() - start;
  // Whatever a stage has put off to the end of a turn is done between the rounds.
  await new Promise((resolve) => setImmediate(resolve));
  return tookNs;
}

/**
 * The growth of a heap that is not collected meanwhile: micro.ts has set its limit so high. Only
 * whole blocks are seen, so there must be many calls.
 */
async function heapBytesOf(work: () => unknown, calls: number): Promise<number> {
  Bun.gc(true);
  const before = heapStats().heapCapacity;
  await timeOf(work, calls);
  return Math.max(0, heapStats().heapCapacity - before) / calls;
}

export function lastResult(): unknown {
  return kept;
}
