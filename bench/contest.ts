/**
 * Row by row, round by round, the contenders take turns: A B C A B C. Whoever was started here goes
 * through some rows first, and through each row once more, of less, that does not count: code that
 * is not compiled yet, and memory that was never touched, belong to nobody's figures. Whoever fails in
 * a row is left out of it.
 */
import { join } from "node:path";
import type { Contender, Start } from "./contenders/contender.ts";
import { residentMegabytes } from "./contenders/process-figures.ts";
import { type ProfilePlan, profileProcess } from "./kit/profile.ts";
import type { Load } from "./load/load.ts";
import type { Parts } from "./results/figures.ts";
import { FAILED, type RowResults } from "./results/results.ts";
import { sumOf } from "./results/statistics.ts";
import type { Row, Site } from "./rows/row.ts";

export interface ContestOptions {
  /** What brokers go through once when they have started. */
  readonly warmUps: readonly Row[];
  readonly rows: readonly { readonly suite: string; readonly row: Row }[];
  readonly load: Load;
  readonly folder: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly gigabytes: number;
  readonly replicationFactor: number;
  readonly scale: number;
  readonly profile: ProfilePlan | null;
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
    for (const row of options.warmUps) {
      for (const [entry, contender] of running) {
        options.progress(`${entry.name} warms up: ${row.name}`);
        await row.run(siteOf(entry, contender, options, options.scale, null));
      }
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

/** `profiled` is the row that the profile is named after, if there is to be one. */
function siteOf(
  entry: Entry,
  contender: Contender,
  options: ContestOptions,
  scale: number,
  profiled: Row | null,
): Site {
  const { profile } = options;
  const { pids } = contender;
  return {
    ...options,
    contender,
    scale,
    startAnother: ({ isRestart }) =>
      entry.start({ folder: `${folderOf(entry, options)}-2`, settings: [], isRestart }),
    profile() {
      if (profile === null || profiled === null || pids.length === 0) return null;
      return profileProcess(pids, profile, `${profiled.name}-${entry.name}`);
    },
  };
}

function memoryAfterAll(running: ReadonlyMap<Entry, Contender>): RowResults {
  const passes: Record<string, Parts[]> = {};
  for (const [{ name }, { pids }] of running) {
    if (pids.length === 0) continue;
    passes[name] = [{ "": { residentMegabytes: sumOf(pids.map(residentMegabytes)) } }];
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
        const isProfiled = round === options.rounds;
        const site = siteOf(entry, contender, options, scale, isProfiled ? row : null);
        const parts = await row.run(site);
        if (!isWarmUp) (passes[entry.name] ??= []).push(parts);
      } catch (error) {
        // What others do, and further rows, may be worth an hour.
        skipped[entry.name] = `${FAILED}: ${error instanceof Error ? error.message : error}`;
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
