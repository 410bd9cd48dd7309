/**
 * Row by row, round by round, the contenders take turns: A B C A B C. One pass before that, of less,
 * has them compile and load whatever the row needs.
 */
import { join } from "node:path";
import type { Contender, Start } from "./contenders/contender.ts";
import { residentMegabytes } from "./contenders/process-figures.ts";
import type { Load } from "./load/load.ts";
import type { Parts } from "./results/figures.ts";
import type { RowResults } from "./results/results.ts";
import type { Row, Site } from "./rows/row.ts";

export interface ContestOptions {
  readonly rows: readonly { readonly suite: string; readonly row: Row }[];
  readonly load: Load;
  readonly folder: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly gigabytes: number;
  readonly scale: number;
  /** What is under way. */
  progress(text: string): void;
  /** A row is done. */
  done(row: RowResults): void;
}

export interface Entry {
  readonly name: string;
  /** The floor begins anew each time: nothing that it wrote is ever deleted otherwise. */
  readonly isFloor: boolean;
  readonly start: Start;
}

const WARM_UP_SCALE = 0.3;

export async function runContest(
  entries: readonly Entry[],
  options: ContestOptions,
): Promise<RowResults[]> {
  const running = new Map<Entry, Contender>();
  const results: RowResults[] = [];
  try {
    for (const entry of entries.filter(({ isFloor }) => !isFloor)) {
      options.progress(`${entry.name} starts`);
      running.set(entry, await entry.start({ folder: folderOf(entry, options), settings: [] }));
    }
    for (const { suite, row } of options.rows) {
      const result = await runRow(row, suite, entries, running, options);
      results.push(result);
      options.done(result);
    }
    const memory = memoryAfterAll(running);
    results.push(memory);
    options.done(memory);
  } finally {
    for (const contender of running.values()) await contender.stop();
  }
  return results;
}

function memoryAfterAll(running: ReadonlyMap<Entry, Contender>): RowResults {
  const passes: Record<string, Parts[]> = {};
  for (const [{ name }, { pid }] of running) {
    if (pid !== null) passes[name] = [{ "": { residentMegabytes: residentMegabytes(pid) } }];
  }
  return { name: "memory after all of this", suite: "process", passes, skipped: {} };
}

async function runRow(
  row: Row,
  suite: string,
  entries: readonly Entry[],
  running: ReadonlyMap<Entry, Contender>,
  options: ContestOptions,
): Promise<RowResults> {
  const passes: Record<string, Parts[]> = {};
  const skipped: Record<string, string> = {};
  for (let round = row.warmsUp === false ? 1 : 0; round <= options.rounds; round++) {
    for (const entry of entries) {
      if (skipped[entry.name] !== undefined) continue;
      const isWarmUp = round === 0;
      options.progress(`${row.name}: ${entry.name}, ${isWarmUp ? "warming up" : `round ${round}`}`);
      const contender =
        running.get(entry) ??
        (await entry.start({ folder: folderOf(entry, options), settings: [] }));
      try {
        const reason = row.excludes(contender);
        if (reason !== null) {
          skipped[entry.name] = reason;
          continue;
        }
        const scale = options.scale * (isWarmUp ? WARM_UP_SCALE : 1);
        const startAnother: Site["startAnother"] = ({ isRestart }) =>
          entry.start({ folder: `${folderOf(entry, options)}-2`, settings: [], isRestart });
        const parts = await row.run({ ...options, contender, scale, startAnother });
        if (!isWarmUp) (passes[entry.name] ??= []).push(parts);
      } finally {
        if (!running.has(entry)) await contender.stop();
      }
    }
  }
  return { name: row.name, suite, passes, skipped };
}

function folderOf(entry: Entry, { folder }: ContestOptions): string {
  return join(folder, entry.name);
}
