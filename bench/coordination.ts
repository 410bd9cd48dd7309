/**
 * What coordinators do, of Bunka beside Apache Kafka 4.3.1, in one run on one machine:
 * transactions, and the rebalances of a large group in both protocols.
 *
 *   bun bench/coordination.ts [--only bunka|kafka] [--rounds N] [--members N] [--seconds N]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BrokerProcess, cpuSeconds, startBroker } from "./brokers.ts";
import { classicRebalance, consumerRebalance } from "./coordination/rebalance.ts";
import { commitLatency, transactions } from "./coordination/transactions.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    members: { type: "string", default: "100" },
    seconds: { type: "string", default: "4" },
  },
});
const members = Number(options.members);
const seconds = Number(options.seconds);

/** Each gives its figures in milliseconds, or per second, by name. */
const ROWS: Readonly<Record<string, (port: number) => Promise<Record<string, number>>>> = {
  "transactions, 1 producer, 2 partitions": (port) => transactions(port, 1, seconds),
  "transactions, 16 producers, 2 partitions": (port) => transactions(port, 16, seconds),
  "commit seen by a read_committed consumer": (port) => commitLatency(port, seconds),
  [`one more in a classic group of ${members}`]: (port) => classicRebalance(port, members),
  [`one more in a consumer group of ${members}`]: (port) => consumerRebalance(port, members),
};

const folder = mkdtempSync(join(tmpdir(), "bunka-bench-"));
const kinds = (["kafka", "bunka"] as const).filter((kind) => (options.only ?? kind) === kind);
const brokers: BrokerProcess[] = [];
for (const kind of kinds) brokers.push(await startBroker(kind, join(folder, kind)));

try {
  for (const [name, measure] of Object.entries(ROWS)) {
    const found = new Map<string, Record<string, number>[]>();
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const broker of brokers) {
        const cpuBefore = cpuSeconds(broker.pid);
        const figures = await measure(broker.port);
        const cpuMs = (cpuSeconds(broker.pid) - cpuBefore) * 1000;
        found.set(broker.kind, [...(found.get(broker.kind) ?? []), { ...figures, cpuMs }]);
      }
    }
    console.log(name);
    for (const [kind, rounds] of found) console.log(`  ${kind.padEnd(6)} ${lineOf(rounds)}`);
  }
} finally {
  for (const broker of brokers) await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** The median of each figure. */
function lineOf(rounds: readonly Record<string, number>[]): string {
  return Object.keys(rounds[0]!)
    .map((name) => {
      const sorted = rounds.map((figures) => figures[name]!).toSorted((a, b) => a - b);
      const middle = sorted[sorted.length >> 1]!;
      return `${name} ${middle.toFixed(middle < 100 ? 2 : 0)}`;
    })
    .join(", ");
}
