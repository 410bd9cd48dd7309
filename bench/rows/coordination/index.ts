/** What coordinators do: transactions, and the rebalances of a large group in both protocols. */
import type { Figures } from "../../results/figures.ts";
import { watched } from "../measuring.ts";
import { onlyBrokers, type Row, type Site } from "../row.ts";
import { classicRebalance, consumerRebalance } from "./rebalance.ts";
import { commitLatency, transactions } from "./transactions.ts";

const MEMBERS = 100;
/** Fewer are enough to warm up. */
const MEMBERS_MIN = 10;

export const coordination: readonly Row[] = [
  row("transactions, 1 producer, 2 partitions", ({ contender, seconds, scale }) =>
    transactions(contender.port, 1, seconds * scale),
  ),
  row("transactions, 16 producers, 2 partitions", ({ contender, seconds, scale }) =>
    transactions(contender.port, 16, seconds * scale),
  ),
  row("commit seen by a read_committed consumer", ({ contender, seconds, scale }) =>
    commitLatency(contender.port, seconds * scale),
  ),
  row(`one more in a classic group of ${MEMBERS}`, ({ contender, scale }) =>
    classicRebalance(contender.port, membersOf(scale)),
  ),
  row(`one more in a consumer group of ${MEMBERS}`, ({ contender, scale }) =>
    consumerRebalance(contender.port, membersOf(scale)),
  ),
];

function membersOf(scale: number): number {
  return Math.max(MEMBERS_MIN, Math.round(MEMBERS * scale));
}

function row(name: string, measure: (site: Site) => Promise<Figures>): Row {
  return {
    name,
    excludes: (contender) =>
      contender.host === "127.0.0.1" ? onlyBrokers(contender) : "it is not on this machine",
    async run(site) {
      const { result, work } = await watched(site, () => measure(site));
      return { "": { ...result, ...(work === null ? {} : { cpuMs: work.cpuSeconds * 1000 }) } };
    },
  };
}
