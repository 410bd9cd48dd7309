/** The names and labels of what three nodes show of themselves, ours beside Kafka's. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTopic } from "../../../bench/kit/raw-client.ts";
import { IdempotentProducer } from "../../consistency/producers.ts";
import { COMPAT_FOLDER } from "../harness/install.ts";
import { kafkaMetricNames, nameWithLabels } from "../harness/kafka-beans.ts";
import { run } from "../harness/process.ts";
import { freePorts } from "../harness/target.ts";
import type { Check } from "../metrics.ts";
import { Cluster, QUICK_CLUSTER } from "./cluster.ts";
import { untilController, untilInSync } from "./figures/survey.ts";
import { newWire } from "./scenarios/context.ts";

/** Of Kafka's: what every node shows, and what the active controller shows beside that. */
interface Recorded {
  readonly all: readonly string[];
  readonly active: readonly string[];
}

const EXPECTED = join(COMPAT_FOLDER, "expected/metrics.json");
const TOPIC = "scraped";
const PARTITIONS = 3;
const METRICS = "bunka.metrics.listener";

/** What a cluster has beyond one node. */
const OF_CLUSTERS =
  /^kafka_(controller|cluster|server_(raft|replica|fetcher|broker_metadata|metadataloader|snapshot|assign|node))/;

/** By the names that Strimzi's dashboards ask for. */
const STRIMZIS = /^kafka_server_raftmetrics_|^kafka_server_raft_metrics_current_state_info\{/;

/**
 * What there is nothing of here: threads with queues and selectors of their own, and logins. Rates,
 * where a counter tells more; text, which collectors do not take; and fetchers between directories,
 * whose moves are copies of files.
 */
const NOT_OURS: readonly RegExp[] = [
  /^kafka_server_(raft_channel|replica_fetcher)_metrics_/,
  /^kafka_controller_controllereventmanager_|_eventqueueoperations|_avgidleratio$|_poll_idle_/,
  /_(append|fetch)_records_rate$|_minfetchrate\b/,
  /_current_state$|_current_vote_directory_id$/,
  /^kafka_server_replicaalterlogdirsmanager_/,
];

export async function recordClusterMetrics(folder: string): Promise<void> {
  const cluster = await Cluster.make(folder, { kinds: ["kafka", "kafka", "kafka"] });
  try {
    const active = await use(cluster);
    const seen = new Map<number, Set<string>>();
    for (const { id, pid } of cluster.nodes) {
      seen.set(id, await kafkaMetricNames(pid, freePorts(1)[0]!));
    }
    const names = [...new Set([...seen.values()].flatMap((some) => [...some]))].sort();
    const chosen = names.filter((name) => OF_CLUSTERS.test(name));
    const isOfAll = (name: string) => [...seen.values()].every((some) => some.has(name));
    const isOfActive = (name: string) => seen.get(active)!.has(name) && !isOfAll(name);
    const recorded: Recorded = { all: chosen.filter(isOfAll), active: chosen.filter(isOfActive) };
    writeFileSync(EXPECTED, `${JSON.stringify(recorded, null, 2)}\n`);
    await run([process.execPath, "fmt", "--no-script", EXPECTED]);
    const others = chosen.filter((name) => !isOfAll(name) && !isOfActive(name));
    console.log(`${recorded.all.length} of all, ${recorded.active.length} of the active one`);
    if (others.length > 0) console.log(`only some have ${others.join(" ")}`);
  } finally {
    await cluster.end();
  }
}

export async function checkClusterMetrics(folder: string): Promise<Check[]> {
  const recorded: Recorded = JSON.parse(readFileSync(EXPECTED, "utf8"));
  const ports = freePorts(3);
  const listener = (id: number): string => `http://127.0.0.1:${ports[id - 1]}`;
  const cluster = await Cluster.make(folder, {
    kinds: ["bunka", "bunka", "bunka"],
    settings: QUICK_CLUSTER,
    ownSettings: (id) => ({ [METRICS]: listener(id) }),
  });
  try {
    const active = await use(cluster);
    const checks: Check[] = [];
    for (const { id } of cluster.nodes) {
      const answer = await fetch(`${listener(id)}/metrics`);
      const names = namesOf(await answer.text());
      const wanted = id === active ? [...recorded.all, ...recorded.active] : recorded.all;
      const missing = wanted.filter((name) => !names.has(name) && !isMissingWell(name));
      const known = new Set([...recorded.all, ...recorded.active]);
      const strange = [...names].filter(
        (name) => OF_CLUSTERS.test(name) && !known.has(name) && !STRIMZIS.test(name),
      );
      const kind = id === active ? "the active controller" : "another node";
      checks.push(
        {
          check: `node ${id}, ${kind}, lacks`,
          passed: missing.length === 0,
          note: missing.join(" "),
        },
        { check: `node ${id} has beyond`, passed: strange.length === 0, note: strange.join(" ") },
      );
    }
    return checks;
  } finally {
    await cluster.end();
  }
}

function isMissingWell(name: string): boolean {
  return NOT_OURS.some((pattern) => pattern.test(name));
}

/** Gives the id of the active controller. */
async function use(cluster: Cluster): Promise<number> {
  await cluster.start();
  const port = cluster.node(1).place.port;
  await createTopic(port, TOPIC, PARTITIONS, { replicationFactor: 3 });
  const wire = newWire(cluster, "metrics");
  const producer = new IdempotentProducer(wire);
  await producer.init();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await producer.send(TOPIC, partition, ["seen"]);
  }
  wire.close();
  await untilInSync(port, [TOPIC], 3);
  return await untilController(cluster);
}

function namesOf(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    const match = /^([a-z_\d]+)(?:\{(.*)\})? /.exec(line);
    if (match === null) continue;
    const labels = [...(match[2] ?? "").matchAll(/(\w+)="/g)].map(([, label = ""]) => label);
    names.add(nameWithLabels(match[1] ?? "", labels));
  }
  return names;
}
