/** Raw requests to each of three nodes: leader and followers, the coordinator and who is none. */
import { realNetwork } from "../../../../src/base/real-network.ts";
import { ErrorCode } from "../../../../src/protocol/error-code.ts";
import { produce } from "../../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../../../src/protocol/messages/02-list-offsets.ts";
import { metadata } from "../../../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../../../src/protocol/messages/10-find-coordinator.ts";
import { describeGroups } from "../../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../../src/protocol/messages/16-list-groups.ts";
import { deleteRecords } from "../../../../src/protocol/messages/21-delete-records.ts";
import { initProducerId } from "../../../../src/protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "../../../../src/protocol/messages/23-offset-for-leader-epoch.ts";
import { offsetCommit } from "../../../../src/protocol/messages/08-offset-commit.ts";
import { describeConfigs } from "../../../../src/protocol/messages/32-describe-configs.ts";
import { alterReplicaLogDirs } from "../../../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../../../src/protocol/messages/35-describe-log-dirs.ts";
import { electLeaders } from "../../../../src/protocol/messages/43-elect-leaders.ts";
import { incrementalAlterConfigs } from "../../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { alterClientQuotas } from "../../../../src/protocol/messages/49-alter-client-quotas.ts";
import { describeCluster } from "../../../../src/protocol/messages/60-describe-cluster.ts";
import { describeProducers } from "../../../../src/protocol/messages/61-describe-producers.ts";
import { describeTransactions } from "../../../../src/protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../../../../src/protocol/messages/66-list-transactions.ts";
import { buildBatch } from "../../../../src/protocol/record-batch-builder.ts";
import { Asker, DATA, type Connection } from "../../../api/asker.ts";
import { connectTo } from "../../../sim/cluster/scripted.ts";
import type { Json } from "../../harness/outcome.ts";
import { type Context, makeTopic, partitionsOf, until, untilAllInSync } from "./context.ts";

const IDS = [1, 2, 3];
/** Led by node 1, replicas on all. */
const TOPIC = "asked";
const NO_TOPIC = "nowhere";
const [OF_TOPIC, BROKER, LOGGER] = [2, 4, 8];
const SET = 0;
const GROUP = 0;
const TRANSACTION = 1;
const ANY_EPOCH = -1;
/** Latest, earliest, the largest timestamp, local, tiered, not yet uploaded, and a time. */
const TIMESTAMPS = [-1, -2, -3, -4, -5, -6, 2000];
const SECONDS = 1000;
const ANSWER_MS_MAX = 15 * SECONDS;

interface Asked {
  readonly ask: string;
  readonly response: unknown;
}

export async function handlers(context: Context): Promise<Json> {
  const nodes = new Map(IDS.map((id) => [id, askerOf(context, id)]));
  const each = async (ask: (asker: Asker, id: number) => Promise<unknown>) => {
    for (const [id, asker] of nodes) await ask(asker, id);
  };
  await makeTopic(context, TOPIC, "1:2:3");
  const leader = nodes.get(1)!;
  await write(leader);
  await until("followers have it", async () => (await sizes(nodes)).every((size) => size > 0));
  // They hear how far it is committed with a later answer.
  await Bun.sleep(2 * SECONDS);
  await each((asker) => askOfPartition(asker));
  await each((asker) => askOfDirectories(asker));
  await each((asker) => askOfSettings(asker));
  await each((asker) => askOfElections(asker));
  await askOfCoordinators(nodes);
  await deleteSome(nodes);
  await cluster(each);
  await quotas(nodes);
  await changeLeader(context, nodes);
  return Object.fromEntries(
    [...nodes].map(([id, asker]) => [`node ${id}`, asker.steps.map(line)]),
  ) as Json;
}

function line({ ask, response }: Asked): string {
  return `${ask}: ${JSON.stringify(response)}`;
}

function askerOf({ cluster }: Context, id: number): Asker {
  const { place } = cluster.node(id);
  return new Asker({
    sleep: (delayMs) => Bun.sleep(delayMs),
    connect: () => patientTo(place.port),
    ports: cluster.nodes.map((node) => Number(node.address.split(":")[1])),
    dataDirectory: place.dataDirectory,
  });
}

/** Where no answer comes, that is what is remembered. */
async function patientTo(port: number): Promise<Connection> {
  const connection = await connectTo(realNetwork(), "127.0.0.1", port);
  const late = () => Bun.sleep(ANSWER_MS_MAX).then(() => null);
  return { exchange: (frame) => Promise.race([connection.exchange(frame), late()]) };
}

async function write(leader: Asker): Promise<void> {
  let producerId = -1;
  await until("there is a producer id", async () => {
    const request = { transactionalId: null, transactionTimeoutMs: 60 * SECONDS };
    ({ producerId } = await leader.quietly(initProducerId, 4, request));
    return producerId >= 0;
  });
  for (let count = 0; count < 3; count++) {
    const records = batchOf(1000 * (count + 1), {
      producerId,
      producerEpoch: 0,
      baseSequence: count,
    });
    await produceTo(leader, records, "written");
  }
}

function batchOf(timestamp: number, producer = {}): Buffer {
  const record = { timestamp, key: null, value: Buffer.from(`at ${timestamp}`) };
  return buildBatch({ records: [record], ...producer });
}

async function produceTo(asker: Asker, records: Buffer, label: string): Promise<void> {
  const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records }] }];
  await asker.ask(produce, 12, { acks: -1, timeoutMs: 10 * SECONDS, topicData }, label);
}

async function askOfPartition(asker: Asker): Promise<void> {
  for (const timestamp of TIMESTAMPS) {
    for (const currentLeaderEpoch of [ANY_EPOCH, 0, 1]) {
      const partitions = [{ partitionIndex: 0, currentLeaderEpoch, timestamp }];
      const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: TOPIC, partitions }] };
      const label = `of ${timestamp} in ${currentLeaderEpoch}`;
      await asker.ask(listOffsets, 10, { ...request, timeoutMs: 5 * SECONDS }, label);
    }
  }
  for (const replicaId of [-2, -1, 2, 77]) {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const request = { replicaId, isolationLevel: 0, topics: [{ name: TOPIC, partitions }] };
    await asker.ask(listOffsets, 9, request, `by ${replicaId}`);
  }
  const partitionIndexes = [0, 1];
  const topics = [
    { name: TOPIC, partitionIndexes },
    { name: NO_TOPIC, partitionIndexes },
  ];
  await asker.ask(describeProducers, 0, { topics }, "", ({ topics: answers }) => {
    for (const { partitions } of answers) {
      for (const { activeProducers } of partitions) {
        for (const producer of activeProducers)
          producer.producerId = Math.min(producer.producerId, 0);
      }
    }
  });
  const partition = { partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 };
  const wait = { maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [] };
  for (const currentLeaderEpoch of [ANY_EPOCH, 0, 1]) {
    const of = [{ topic: TOPIC, partitions: [{ ...partition, currentLeaderEpoch }] }];
    await asker.ask(fetch, 12, { ...wait, topics: of }, `in ${currentLeaderEpoch}`);
  }
  for (const replicaId of [3, 77]) {
    const of = [{ topic: TOPIC, partitions: [{ ...partition, fetchOffset: 0 }] }];
    await asker.ask(fetch, 12, { ...wait, replicaId, topics: of }, `by ${replicaId}`);
  }
}

async function askOfDirectories(asker: Asker): Promise<void> {
  const topics = [
    { topic: TOPIC, partitions: [0, 1] },
    { topic: NO_TOPIC, partitions: [0] },
  ];
  await asker.ask(describeLogDirs, 4, { topics }, "", ({ results }) => {
    for (const result of results) {
      [result.logDir, result.totalBytes, result.usableBytes] = [DATA, 1, 1];
      for (const { partitions } of result.topics) {
        for (const partition of partitions) partition.offsetLag = Math.min(partition.offsetLag, 0);
      }
    }
  });
  const named = [
    { name: TOPIC, partitions: [0, 7] },
    { name: NO_TOPIC, partitions: [0] },
  ];
  for (const path of [asker.path("not-there"), "relative"]) {
    await asker.ask(alterReplicaLogDirs, 2, { dirs: [{ path, topics: named }] }, path.slice(-9));
  }
}

async function askOfSettings(asker: Asker): Promise<void> {
  for (const resourceName of ["", "1", "2", "77", "x"]) {
    for (const resourceType of [BROKER, LOGGER]) {
      const what = resourceType === BROKER ? `broker ${resourceName}` : `logger ${resourceName}`;
      const name = resourceType === BROKER ? "log.cleaner.threads" : "root";
      const value = resourceType === BROKER ? "1" : "INFO";
      const configs = [{ name, configOperation: SET, value }];
      const resources = [{ resourceType, resourceName, configs }];
      await asker.ask(incrementalAlterConfigs, 1, { resources, validateOnly: true }, what);
      const described = [{ resourceType, resourceName, configurationKeys: [name] }];
      await asker.ask(describeConfigs, 4, { resources: described }, what, ({ results }) => {
        // Each has a level of its own.
        for (const { configs: found } of results) {
          for (const config of found) if (config.name === "root") config.value = "a level";
        }
      });
    }
  }
  const described = [
    { resourceType: OF_TOPIC, resourceName: TOPIC, configurationKeys: ["segment.ms"] },
  ];
  await asker.ask(describeConfigs, 4, { resources: described }, "topic");
}

async function askOfElections(asker: Asker): Promise<void> {
  const topicPartitions = [
    { topic: TOPIC, partitions: [0, 1] },
    { topic: NO_TOPIC, partitions: [0] },
  ];
  for (const electionType of [0, 1]) {
    const request = { electionType, topicPartitions, timeoutMs: 10 * SECONDS };
    await asker.ask(electLeaders, 2, request, `type ${electionType}`);
  }
}

type Nodes = ReadonlyMap<number, Asker>;

/** Who coordinates is left to a hash of the name, and who leads to the controller: a line for each role. */
async function askOfCoordinators(nodes: Nodes): Promise<void> {
  const first = nodes.get(1)!;
  for (const [keyType, key] of [
    [GROUP, "asked-group"],
    [TRANSACTION, "asked-transaction"],
  ] as const) {
    let nodeId = -1;
    await until(`${key} has a coordinator`, async () => {
      const request = { keyType, coordinatorKeys: [key] };
      const [found] = (await first.quietly(findCoordinator, 4, request)).coordinators;
      nodeId = found!.nodeId;
      return found!.errorCode === ErrorCode.NONE;
    });
    const coordinator = nodes.get(nodeId)!;
    const other = [...nodes].find(([id]) => id !== nodeId)![1];
    if (keyType === GROUP) await group(first, coordinator, other, key);
    else await transaction(first, coordinator, other, key);
  }
}

async function group(
  told: Asker,
  coordinator: Asker,
  other: Asker,
  groupId: string,
): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
  const topics = [{ name: TOPIC, partitions }];
  const request = { groupId, memberId: "", generationIdOrMemberEpoch: -1, topics };
  for (const [role, asker] of Object.entries({ coordinator, other })) {
    const wanted = role === "coordinator" ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
    await until(`${groupId} is loaded`, async () => {
      const answer = await asker.quietly(offsetCommit, 8, request);
      if (answer.topics[0]!.partitions[0]!.errorCode !== wanted) return false;
      told.remember(`OffsetCommit to ${role}`, answer);
      return true;
    });
    const all = { statesFilter: [], typesFilter: [] };
    await until("its other groups are loaded", async () => {
      return (await asker.quietly(listGroups, 5, all)).errorCode === ErrorCode.NONE;
    });
    const listed = await asker.quietly(listGroups, 5, all);
    const own = listed.groups.filter((each) => each.groupId === groupId);
    told.remember(`ListGroups to ${role}`, { ...listed, groups: own });
    const described = await asker.quietly(describeGroups, 5, { groups: [groupId] });
    told.remember(`DescribeGroups to ${role}`, described);
  }
}

async function transaction(
  told: Asker,
  coordinator: Asker,
  other: Asker,
  transactionalId: string,
): Promise<void> {
  const request = { transactionalId, transactionTimeoutMs: 60 * SECONDS };
  await until(`${transactionalId} has a producer`, async () => {
    return (await coordinator.quietly(initProducerId, 4, request)).errorCode === ErrorCode.NONE;
  });
  for (const [role, asker] of Object.entries({ coordinator, other })) {
    const filters = { stateFilters: [], producerIdFilters: [] };
    await until("its other transactions are loaded", async () => {
      return (await asker.quietly(listTransactions, 1, filters)).errorCode === ErrorCode.NONE;
    });
    const listed = await asker.quietly(listTransactions, 1, filters);
    const own = listed.transactionStates.filter((each) => each.transactionalId === transactionalId);
    for (const state of own) state.producerId = 0;
    told.remember(`ListTransactions to ${role}`, { ...listed, transactionStates: own });
    const ids = { transactionalIds: [transactionalId, "none"] };
    const described = await asker.quietly(describeTransactions, 0, ids);
    for (const state of described.transactionStates) {
      [state.producerId, state.transactionStartTimeMs] = [0, 0];
    }
    told.remember(`DescribeTransactions to ${role}`, described);
    if (role === "coordinator") continue;
    const begun = await asker.quietly(initProducerId, 4, request);
    told.remember(`InitProducerId to ${role}`, begun);
  }
}

/** Followers' logs begin where the leader's does. */
async function deleteSome(nodes: Nodes): Promise<void> {
  for (const [id, asker] of nodes) {
    for (const offset of [2, 1, 4, -1]) {
      if (offset === -1 && id === 1) continue;
      const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, offset }] }];
      await asker.ask(deleteRecords, 2, { topics, timeoutMs: 10 * SECONDS }, `to ${offset}`);
    }
  }
}

async function cluster(each: (ask: (asker: Asker) => Promise<unknown>) => Promise<void>) {
  await each(async (asker) => {
    const request = { includeClusterAuthorizedOperations: true, includeFencedBrokers: true };
    const named = { topics: [{ name: TOPIC }, { name: NO_TOPIC }], allowAutoTopicCreation: false };
    // Any broker that lives, as Kafka has it.
    await asker.ask(describeCluster, 2, { ...request, endpointType: 1 }, "", (answer) => {
      answer.controllerId = Math.min(answer.controllerId, 0);
    });
    await asker.ask(metadata, 12, named, "", (answer) => {
      answer.controllerId = Math.min(answer.controllerId, 0);
      for (const { partitions } of answer.topics) {
        for (const { isrNodes } of partitions) isrNodes.sort();
      }
    });
  });
}

/** Each broker counts for itself. */
async function quotas(nodes: Nodes): Promise<void> {
  const [first, second] = [nodes.get(1)!, nodes.get(2)!];
  const entity = [{ entityType: "client-id", entityName: "scenario" }];
  const set = async (remove: boolean) => {
    const ops = [{ key: "consumer_byte_rate", value: 10, remove }];
    const entries = [{ entity, ops }];
    await second.ask(alterClientQuotas, 1, { entries, validateOnly: false }, `remove ${remove}`);
    await Bun.sleep(2 * SECONDS);
  };
  await set(false);
  const throttled = async (asker: Asker, fetchOffset: number) => {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1000 }];
    const wait = { maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [] };
    const of = [{ topic: TOPIC, partitions }];
    for (let tries = 0; tries < 10; tries++) {
      const { throttleTimeMs } = await asker.quietly(fetch, 11, { ...wait, topics: of });
      if (throttleTimeMs > 0) return true;
    }
    return false;
  };
  // Of the second nothing is fetched: there is nothing behind the end.
  const both = { first: await throttled(first, 2), second: await throttled(second, 3) };
  first.remember("whether a client is throttled", both);
  await set(true);
}

/** The first is away and back: another leads in epoch 1, and what is said of the epochs. */
async function changeLeader(context: Context, nodes: Map<number, Asker>): Promise<void> {
  await context.cluster.node(1).stop();
  const led = async () => (await partitionsOf(context, TOPIC))[0]?.leader === 2;
  await until("another leads", led);
  await produceTo(nodes.get(2)!, batchOf(9000), "in epoch 1");
  await context.cluster.node(1).start();
  const known = nodes.get(1)!;
  nodes.set(1, askerOf(context, 1));
  await untilAllInSync(context, TOPIC);
  for (const [id, asker] of nodes) {
    for (const currentLeaderEpoch of [ANY_EPOCH, 0, 1, 2]) {
      for (const leaderEpoch of [0, 1, 2]) {
        const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }];
        const label = `${leaderEpoch} in ${currentLeaderEpoch}`;
        const topics = [{ topic: TOPIC, partitions }];
        await asker.ask(offsetForLeaderEpoch, 4, { replicaId: -2, topics }, label);
      }
    }
    await produceTo(asker, batchOf(9500), `to ${id}`);
  }
  known.steps.push(...nodes.get(1)!.steps);
  nodes.set(1, known);
}

async function sizes(nodes: Nodes): Promise<number[]> {
  const all: number[] = [];
  for (const asker of nodes.values()) {
    const request = { topics: [{ topic: TOPIC, partitions: [0] }] };
    const { results } = await asker.quietly(describeLogDirs, 4, request);
    all.push(results[0]!.topics[0]?.partitions[0]?.partitionSize ?? 0);
  }
  return new Set(all).size === 1 ? all : [0];
}
