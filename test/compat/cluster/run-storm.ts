/** A storm from the first start to the last look: cluster, clients, troubles, and what is left. */
import type { Generation } from "../../consistency/producers.ts";
import type { Chance } from "../../fuzz/chance.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster } from "./cluster.ts";
import { ClusterView } from "./cluster-view.ts";
import { GUST_PARTITIONS, GUST_SETTINGS, Gusts } from "./gusts.ts";
import { compareReplicas } from "./replica-logs.ts";
import { Storm, type Trouble, TROUBLES_OF_DISKS, TROUBLES_OF_WAYS } from "./storm.ts";
import { WORKLOAD_PARTITIONS, WORKLOAD_SETTINGS, workOn } from "./workload-on.ts";

export interface StormPlan {
  readonly folder: string;
  readonly kinds?: readonly TargetKind[];
  readonly troubles: readonly Trouble[];
  readonly generation: Generation;
  readonly rounds: number;
  /** What small disks are, where troubles befall them. */
  readonly disk?: "only" | "second";
  readonly lastsMsMax?: number;
  readonly peaceMsMax?: number;
  /** Large batches, many at once, beside the clients. */
  readonly hasGusts?: boolean;
  readonly valueSizeMax?: number;
  readonly endsMs?: number;
  readonly say?: (line: string) => void;
}

const BUNKA_ALONE: readonly TargetKind[] = ["bunka", "bunka", "bunka"];
const LASTS_MS_MAX = 1000;
const PEACE_MS_MAX = 200;

/** Nobody should have waited so long. */
const LATE_STOP = /reset at the stop's deadline| late: /;

/** Resolves with what it was; rejects with the first thing that was not as it must be. */
export async function runStorm(chance: Chance, plan: StormPlan): Promise<string> {
  const { folder, troubles, generation, rounds, kinds = BUNKA_ALONE } = plan;
  const { lastsMsMax = LASTS_MS_MAX, peaceMsMax = PEACE_MS_MAX, say } = plan;
  const { hasGusts = false, valueSizeMax } = plan;
  const hasDisks = troubles.some((trouble) => TROUBLES_OF_DISKS.includes(trouble));
  const cluster = await Cluster.make(folder, {
    kinds,
    settings: hasGusts ? { ...WORKLOAD_SETTINGS, ...GUST_SETTINGS } : WORKLOAD_SETTINGS,
    ...(hasDisks ? { disk: plan.disk ?? "only" } : {}),
    // Without them a connection to a dead node is refused, which is seen sooner.
    hasProxies: troubles.some((trouble) => TROUBLES_OF_WAYS.includes(trouble)),
  });
  const view = new ClusterView(cluster);
  let gusts: Gusts | null = null;
  try {
    await cluster.start();
    say?.("all answer");
    const { workload, failed, finish } = await workOn(cluster, chance, generation, valueSizeMax);
    say?.("clients are at work");
    if (hasGusts) gusts = await Gusts.begin(cluster, folder);
    const weather = new Storm(cluster, view, chance, {
      troubles,
      lastsMsMax,
      peaceMsMax,
      doneCount: () => workload.okCount,
      say: (line) => say?.(`${line} (${workload.okCount} operations)`),
      ...(plan.endsMs === undefined ? {} : { endsMs: plan.endsMs }),
    });
    await Promise.race([failed, weather.rage(rounds)]);
    say?.("the storm is over");
    await gusts?.end();
    await replaceKafka(cluster, view);
    await finish();
    await cluster.stop();
    const partitions = hasGusts
      ? [...WORKLOAD_PARTITIONS, ...GUST_PARTITIONS]
      : WORKLOAD_PARTITIONS;
    const batches = compareReplicas(cluster, partitions);
    for (const { id, log } of cluster.nodes) {
      for (const line of log.split("\n")) if (LATE_STOP.test(line)) say?.(`node ${id}: ${line}`);
    }
    if (gusts !== null) say?.(`${gusts.count} gusts, ${(gusts.bytes / 1e6).toFixed(0)} MB`);
    const counts = [...weather.counts].map(([trouble, count]) => `${count} ${trouble}`).join(", ");
    return (
      `${weather.roundCount} rounds (${counts}; ${weather.seenCount} deaths seen before the end), ` +
      `${workload.okCount} operations, ${batches} batches the same on all replicas, no anomaly`
    );
  } finally {
    await gusts?.end();
    view.close();
    await cluster.end();
  }
}

/**
 * Kafka's readers may miss aborted transactions where a follower of Kafka's took many at once (see
 * log/transaction-index.ts): so in a cluster of both the last look is had through Bunka.
 */
async function replaceKafka({ nodes }: Cluster, view: ClusterView): Promise<void> {
  if (nodes.every(({ kind }) => kind === "kafka")) return;
  for (const node of nodes.filter(({ kind }) => kind === "kafka")) {
    await node.stop();
    await node.start("bunka");
    await view.until("all replicas are in sync", () => view.isWhole());
  }
}
