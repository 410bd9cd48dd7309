/** Every row, in suites. `quick` is what runs when nothing else is asked for. */
import { UsageError } from "../kit/usage-error.ts";
import { coordination } from "./coordination/index.ts";
import { tools } from "./kafka-tools.ts";
import { processRows } from "./process-rows.ts";
import type { Row } from "./row.ts";
import { big } from "./suites/big.ts";
import { fetch } from "./suites/fetch.ts";
import { latency, sessions } from "./suites/latency.ts";
import { produce } from "./suites/produce.ts";
import { codecs, durable, producers } from "./suites/producers.ts";
import { replication } from "./suites/replication.ts";

export const SUITES: Readonly<Record<string, readonly Row[]>> = {
  produce,
  fetch,
  latency,
  process: processRows,
  producers,
  codecs,
  durable,
  sessions,
  coordination,
  big,
  tools,
  replication,
};

/** Large batches, small ones, and a fetch: most of what is compiled is compiled then. */
export const WARM_UPS: readonly Row[] = [produce[0]!, produce[3]!, fetch[0]!];

/** Suites that are made of others. */
export const COMPOSED: Readonly<Record<string, readonly string[]>> = {
  quick: ["produce", "fetch", "latency"],
  headline: ["produce", "fetch", "latency", "process", "big"],
  // Replication is between nodes, where all others are about one.
  all: Object.keys(SUITES).filter((name) => name !== "replication"),
};

/** Throws for a suite that is none. */
export function rowsOf(suites: readonly string[]): { readonly suite: string; readonly row: Row }[] {
  const names = new Set(suites.flatMap((name) => COMPOSED[name] ?? [name]));
  return [...names].flatMap((suite) => {
    const rows = SUITES[suite];
    if (rows === undefined) {
      const known = [...Object.keys(COMPOSED), ...Object.keys(SUITES)].join(", ");
      throw new UsageError(`no suite ${suite}, only ${known}`);
    }
    return rows.map((row) => ({ suite, row }));
  });
}
