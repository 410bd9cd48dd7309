/**
 * A node that leads a third of many partitions is killed: how long until all of them are led, and
 * until records to some of them are acknowledged with acks=all.
 */
import { RawConnection } from "../../../../bench/kit/raw-connection.ts";
import { ErrorCode, errorName } from "../../../../src/protocol/error-code.ts";
import { produce } from "../../../../src/protocol/messages/00-produce.ts";
import { createTopics } from "../../../../src/protocol/messages/19-create-topics.ts";
import { buildBatch } from "../../../../src/protocol/record-batch-builder.ts";
import type { Cluster } from "../cluster.ts";
import { controllerOf, type Place, placesOf, secondsSince, untilInSync } from "./survey.ts";

const TOPIC_PARTITIONS = 1000;
const REPLICAS = 3;
const SAMPLE_COUNT = 200;
const PRODUCE_VERSION = 7;
const ALL = -1;
const TIMEOUT_MS = 2000;
const NOBODY = -1;
const PAUSE_MS = 10;
const SETTLED_MS = 5000;

export async function measureFailover(cluster: Cluster, partitionCount: number): Promise<void> {
  const topics = await makeTopics(cluster, partitionCount);
  await Bun.sleep(SETTLED_MS);
  const controller = (await controllerOf(cluster.nodes)) ?? 1;
  const broker = cluster.nodes.find(({ id }) => id !== controller)!.id;
  await failOver(cluster, topics, broker, "a broker");
  const startMs = performance.now();
  await cluster.node(broker).start();
  await untilInSync(cluster.node(controller).place.port, topics, REPLICAS);
  console.log(`failover: all in sync again ${secondsSince(startMs)} after its start`);
  await Bun.sleep(SETTLED_MS);
  await failOver(cluster, topics, controller, "the controller");
}

async function makeTopics(cluster: Cluster, partitionCount: number): Promise<string[]> {
  const topics: string[] = [];
  const { port } = cluster.node(1).place;
  const connection = await RawConnection.open(port);
  const startMs = performance.now();
  for (let made = 0; made < partitionCount; made += TOPIC_PARTITIONS) {
    const name = `many-${topics.length}`;
    await makeTopic(connection, name, Math.min(TOPIC_PARTITIONS, partitionCount - made));
    topics.push(name);
  }
  console.log(`failover: ${partitionCount} partitions asked for in ${secondsSince(startMs)}`);
  await untilInSync(port, topics, REPLICAS);
  // The metadata have them long before each replica has its log.
  const places = await placesOf(connection, topics);
  connection.close();
  await acknowledgedMs(cluster, places, () => places, NOBODY);
  console.log(`failover: a record in each, on three nodes, after ${secondsSince(startMs)}`);
  return topics;
}

async function makeTopic(connection: RawConnection, name: string, count: number): Promise<void> {
  const configs = [{ name: "min.insync.replicas", value: "2" }];
  const shape = { numPartitions: count, replicationFactor: REPLICAS, assignments: [], configs };
  const topic = { name, ...shape };
  for (;;) {
    const answer = await connection.ask(createTopics, 4, { topics: [topic], timeoutMs: 60_000 });
    const errorCode = answer.topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (errorCode === ErrorCode.NONE) return;
    // Brokers that have just started are known one by one.
    if (errorCode !== ErrorCode.INVALID_REPLICATION_FACTOR) {
      throw new Error(`${name} was not made: ${errorName(errorCode as ErrorCode)}`);
    }
    await Bun.sleep(PAUSE_MS);
  }
}

async function failOver(
  cluster: Cluster,
  topics: readonly string[],
  victim: number,
  who: string,
): Promise<void> {
  const survivor = cluster.nodes.find(({ id }) => id !== victim)!;
  const connection = await RawConnection.open(survivor.place.port);
  const led = (await placesOf(connection, topics)).filter(({ leader }) => leader === victim);
  const step = Math.max(1, Math.floor(led.length / SAMPLE_COUNT));
  const sample = led.filter((_, index) => index % step === 0).slice(0, SAMPLE_COUNT);
  const startMs = performance.now();
  await cluster.node(victim).kill();
  let now: Place[] = led;
  const acknowledged = acknowledgedMs(cluster, sample, () => now, victim);
  const isLed = ({ leader }: Place) => leader >= 0 && leader !== victim;
  do {
    await Bun.sleep(PAUSE_MS);
    now = await placesOf(connection, topics);
  } while (!now.every(isLed));
  console.log(`failover: ${who} with ${led.length} killed: all led after ${secondsSince(startMs)}`);
  const times = (await acknowledged).map((atMs) => (atMs - startMs) / 1000).sort((a, b) => a - b);
  const [first = NaN, last = NaN] = [times[0], times.at(-1)];
  const middle = times[Math.floor(times.length / 2)] ?? NaN;
  const all = [first, middle, last].map((seconds) => seconds.toFixed(2)).join(", ");
  console.log(`failover: ${times.length} of them written after ${all} s (first, median, last)`);
  connection.close();
}

/** When a record was acknowledged in each; one request a leader for all that are not yet. */
async function acknowledgedMs(
  cluster: Cluster,
  sample: readonly Place[],
  now: () => readonly Place[],
  victim: number,
): Promise<number[]> {
  const times = new Map<string, number>();
  const connections = new Map<number, RawConnection>();
  while (times.size < sample.length) {
    const leaders = new Map(now().map((place) => [nameOf(place), place.leader]));
    const byLeader = new Map<number, Place[]>();
    for (const place of sample) {
      const leader = leaders.get(nameOf(place)) ?? -1;
      if (times.has(nameOf(place)) || leader < 0 || leader === victim) continue;
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), place]);
    }
    await Promise.all(
      byLeader.entries().map(async ([leader, places]) => {
        const { port } = cluster.node(leader).place;
        const connection = connections.get(leader) ?? (await RawConnection.open(port));
        connections.set(leader, connection);
        for (const name of await written(connection, places)) times.set(name, performance.now());
      }),
    );
    await Bun.sleep(PAUSE_MS);
  }
  for (const connection of connections.values()) connection.close();
  return [...times.values()];
}

async function written(connection: RawConnection, places: readonly Place[]): Promise<string[]> {
  const record = { timestamp: Date.now(), key: null, value: Buffer.from("after") };
  const records = buildBatch({ records: [record] });
  const topics = Map.groupBy(places, ({ topic }) => topic);
  const { responses } = await connection.ask(produce, PRODUCE_VERSION, {
    acks: ALL,
    timeoutMs: TIMEOUT_MS,
    topicData: [...topics].map(([name, of]) => ({
      name,
      partitionData: of.map(({ partition }) => ({ index: partition, records })),
    })),
  });
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses
      .filter(({ errorCode }) => errorCode === ErrorCode.NONE)
      .map(({ index }) => `${name}-${index}`),
  );
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}-${partition}`;
}
