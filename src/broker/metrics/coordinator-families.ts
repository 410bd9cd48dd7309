/**
 * Kafka's GroupMetadataManager (classic groups), group-coordinator-metrics, and what the
 * transaction coordinator has. Nothing is made to be looked at: without groups there is nothing.
 */
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import { Pace } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import type { GroupCoordinator } from "../../coordinator/group/group-coordinator.ts";
import type { GroupShard } from "../../coordinator/group/group-shard.ts";
import type * as transaction from "../../coordinator/transaction/transaction-coordinator.ts";
import { transactionStateName } from "../../coordinator/transaction/transaction-state.ts";
import type { TransactionVerification } from "../transaction-verification.ts";
import { histogramQuantiles } from "./histogram-quantiles.ts";

export interface MadeCoordinators {
  readonly verification: TransactionVerification | null;
  readonly groups: GroupCoordinator | null;
  readonly transactions: transaction.TransactionCoordinator | null;
}

export function coordinatorFamilies(made: () => MadeCoordinators, clock: Clock): Families {
  const answers = new RecentQuantiles();
  return function* (out) {
    const { groups, transactions, verification } = made();
    if (groups !== null) yield* groupFamilies(out, groups);
    if (transactions !== null) yield* transactionFamilies(out, transactions);
    if (verification === null) return;
    const name = "kafka_server_addpartitionstotxnmanager";
    const { answersUs, refusedCount } = verification;
    const refused = "Partitions that a transaction's coordinator refused";
    out.one(`${name}_verificationfailurerate_count`, "unknown", refused, refusedCount);
    const asked = "Transactions that their coordinators were asked for";
    out.one(`${name}_verificationtimems_count`, "unknown", asked, answersUs.count);
    histogramQuantiles(out, `${name}_verificationtimems`, "Until they had answered", {
      recent: answers,
      histogram: answersUs,
      nowMs: clock.monotonicMs(),
    });
    yield;
  };
}

const CLASSIC_STATES = ["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty"];
const SHARE_STATES = ["Empty", "Stable", "Dead"];
const STREAMS_STATES = ["Empty", "NotReady", "Assigning", "Reconciling", "Stable", "Dead"];
const CONSUMER_STATES = ["Empty", "Assigning", "Reconciling", "Stable", "Dead"];
/** Looked at without a break. */
const GROUPS_AT_ONCE = 256;

function* groupFamilies(out: MetricsText, groups: GroupCoordinator): Iterable<void> {
  const classic = new Map(CLASSIC_STATES.map((state) => [state, 0]));
  const consumer = new Map(CONSUMER_STATES.map((state) => [state, 0]));
  const share = new Map(SHARE_STATES.map((state) => [state, 0]));
  const streams = new Map(STREAMS_STATES.map((state) => [state, 0]));
  const shards: GroupShard[] = [];
  groups.forEachShard((shard) => shards.push(shard));
  let offsets = 0;
  for (const shard of shards) {
    yield* countStates(classic, shard.groups.values());
    yield* countStates(consumer, shard.consumers.byId.values());
    yield* countStates(share, shard.shares.byId.values());
    yield* countStates(streams, shard.streams.byId.values());
    const pace = new Pace(GROUPS_AT_ONCE);
    for (const topics of shard.store.committed.byGroup.values()) {
      for (const partitions of topics.values()) offsets += partitions.size;
      if (pace.endsStep()) yield;
    }
  }
  const manager = "kafka_coordinator_group_groupmetadatamanager";
  out.one(`${manager}_numgroups`, "gauge", "Classic groups", sumOf(classic));
  out.one(`${manager}_numoffsets`, "gauge", "Committed offsets", offsets);
  for (const [state, count] of classic) {
    out.one(`${manager}_numgroups${state.toLowerCase()}`, "gauge", `In state ${state}`, count);
  }
  yield;
  const name = "kafka_server_group_coordinator_metrics";
  out.family(`${name}_group_count`, "gauge", "Groups by protocol");
  out.sample(sumOf(classic), labelText({ protocol: "classic" }));
  out.sample(sumOf(consumer), labelText({ protocol: "consumer" }));
  out.sample(sumOf(share), labelText({ protocol: "share" }));
  out.sample(sumOf(streams), labelText({ protocol: "streams" }));
  for (const [kind, title, states] of [
    ["consumer", "Consumer", consumer],
    ["share", "Share", share],
    ["streams", "Streams", streams],
  ] as const) {
    out.family(`${name}_${kind}_group_count`, "gauge", `${title} groups by state`);
    for (const [state, count] of states) {
      out.sample(count, labelText({ state: state.toLowerCase() }));
    }
  }
  const { stats } = groups;
  const counts: readonly (readonly [string, string, number])[] = [
    ["offset_commit_count", "Offsets committed", stats.offsetCommits],
    ["offset_expiration_count", "Offsets expired", stats.offsetExpirations],
    ["group_completed_rebalance_count", "Classic generations", stats.classicRebalances],
    ["consumer_group_rebalance_count", "Consumer group epochs", stats.consumerRebalances],
    ["share_group_rebalance_count", "Share group epochs", stats.shareRebalances],
    ["streams_group_rebalance_count", "Streams group epochs", stats.streamsRebalances],
  ];
  for (const [row, help, value] of counts) out.one(`${name}_${row}`, "unknown", help, value);
  yield;
}

function* countStates(
  counts: Map<string, number>,
  groups: Iterable<{ readonly state: string }>,
): Iterable<void> {
  const pace = new Pace(GROUPS_AT_ONCE);
  for (const { state } of groups) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
    if (pace.endsStep()) yield;
  }
}

function* transactionFamilies(
  out: MetricsText,
  transactions: transaction.TransactionCoordinator,
): Iterable<void> {
  const states = new Map<string, number>();
  transactions.forEachShard((shard) => {
    for (const { state } of shard.transactions.values()) {
      const name = transactionStateName(state);
      states.set(name, (states.get(name) ?? 0) + 1);
    }
  });
  const name = "kafka_server_transaction_coordinator_metrics";
  out.one(`${name}_transactional_id_count`, "gauge", "Transactional ids", sumOf(states));
  out.family("bunka_transactions", "gauge", "Transactional ids by the state of their transaction");
  for (const [state, count] of states) out.sample(count, labelText({ state }));
  yield;
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
