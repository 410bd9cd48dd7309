/**
 * What requests cost, as a table for a person (SIGUSR1): since the start, but for the rate, which
 * is that since the last table.
 */
import type { Histogram } from "../../base/histogram.ts";
import type { Clock } from "../../base/world.ts";
import type { KindStats, Measure } from "../request-stats.ts";
import type { Server } from "../server.ts";
import { type ApiNames, byName } from "./request-families.ts";

const STAGES: readonly (readonly [string, Measure])[] = [
  ["total", "totalUs"],
  ["queue", "queueUs"],
  ["local", "localUs"],
  ["remote", "remoteUs"],
  ["answer queue", "responseQueueUs"],
  ["send", "sendUs"],
  ["throttle", "throttleUs"],
];
const SIZES: readonly (readonly [string, Measure])[] = [
  ["bytes in", "requestBytes"],
  ["bytes out", "responseBytes"],
];
const SHARES = [0.5, 0.99, 0.999, 0.9999];
const HEAD = ["request", "count", "a second", "stage (ms)", "mean"].concat(
  SHARES.map((share) => `p${(share * 100).toFixed(2).replace(/\.?0+$/, "")}`),
  "max",
);
const US_PER_MS = 1000;

export class MetricsTable {
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #names: ApiNames;
  #lastMs: number | null = null;
  #lastCounts: ReadonlyMap<string, number> = new Map();

  constructor(clock: Clock, server: Server, names: ApiNames) {
    this.#clock = clock;
    this.#server = server;
    this.#names = names;
  }

  text(): string {
    const nowMs = this.#clock.monotonicMs();
    const kinds = byName(this.#server.requests, this.#names);
    const seconds = (nowMs - (this.#lastMs ?? this.#server.startedMs)) / 1000;
    const rows: string[][] = [HEAD];
    for (const [name, kind] of kinds) {
      const rate = (kind.count - (this.#lastCounts.get(name) ?? 0)) / Math.max(seconds, 0.001);
      rows.push(...rowsOf(name, kind, rate));
    }
    const { delaysUs } = this.#server.loopLag;
    rows.push(["event loop", `${delaysUs.count}`, "", ...cells("delay", delaysUs, US_PER_MS)]);
    this.#lastMs = nowMs;
    this.#lastCounts = new Map([...kinds].map(([name, { count }]) => [name, count]));
    return `${aligned(rows).join("\n")}\n`;
  }
}

/** Stages in which nothing ever took any time are left out. */
function rowsOf(name: string, kind: KindStats, rate: number): string[][] {
  const rows = [...STAGES, ...SIZES].flatMap(([label, measure]) => {
    const histogram = kind.histogram(measure);
    const unit = measure.endsWith("Us") ? US_PER_MS : 1;
    return histogram.max === 0 ? [] : [["", "", "", ...cells(label, histogram, unit)]];
  });
  const [first = ["", "", "", "total"]] = rows;
  first.splice(0, 3, name, `${kind.count}`, rate.toFixed(1));
  return rows.length === 0 ? [first] : rows;
}

function cells(label: string, histogram: Histogram, unit: number): string[] {
  const digits = unit === 1 ? 0 : 3;
  const values = [histogram.mean, ...histogram.quantiles(SHARES), histogram.max];
  return [label, ...values.map((value) => (value / unit).toFixed(digits))];
}

/** Words to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.length ?? 0));
  });
  return rows.map((row) => {
    const words = row.map((cell, column) =>
      WORDS.has(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    return words.join("  ").trimEnd();
  });
}

const WORDS: ReadonlySet<number> = new Set([0, 3]);
