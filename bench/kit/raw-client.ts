/** The few requests that a benchmark needs beside its load: topics, and ids of producers. */
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { RawConnection } from "./raw-connection.ts";
import { retried } from "./retried.ts";

const LATEST = -1;
const TRANSACTION_KEY = 1;
const MIN_INSYNC_REPLICAS_MAX = 2;
const POLL_MS = 5;

export type TopicConfigs = Readonly<Record<string, string>>;

export interface ProducerId {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TopicOptions {
  readonly configs?: TopicConfigs;
  readonly host?: string;
  readonly replicationFactor?: number;
}

/**
 * Resolves when all partitions are led and all replicas are in sync, with the ports of the leaders.
 * Of several replicas two have to have what is acknowledged with acks=all.
 */
export async function createTopic(
  port: number,
  name: string,
  partitions: number,
  { configs = {}, host = "127.0.0.1", replicationFactor = 1 }: TopicOptions = {},
): Promise<number[]> {
  const minIsr = Math.min(replicationFactor, MIN_INSYNC_REPLICAS_MAX);
  const all =
    replicationFactor === 1 ? configs : { ...configs, "min.insync.replicas": `${minIsr}` };
  const topic = {
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(all).map(([key, value]) => ({ name: key, value })),
  };
  const connection = await RawConnection.open(port, host);
  for (;;) {
    const { topics } = await connection.ask(createTopics, 4, {
      topics: [topic],
      timeoutMs: 60_000,
    });
    const errorCode = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (errorCode === ErrorCode.NONE) break;
    // Brokers that have just started are known one by one.
    if (errorCode !== ErrorCode.INVALID_REPLICATION_FACTOR || replicationFactor === 1) {
      throw new Error(`${name} was not created: ${errorName(errorCode as ErrorCode)}`);
    }
    await Bun.sleep(POLL_MS);
  }
  connection.close();
  for (;;) {
    const leaders = await leaderPorts(port, name, host, replicationFactor);
    const isLed = await Promise.all(
      [...new Set(leaders)].map((leader) => {
        const led = leaders.keys().filter((index) => leaders[index] === leader);
        return leadsAll(leader, host, name, [...led]);
      }),
    );
    if (leaders.length === partitions && isLed.every(Boolean)) return leaders;
    await Bun.sleep(POLL_MS);
  }
}

/** A broker answers ListOffsets once it leads the partitions, not when it has heard of them. */
async function leadsAll(port: number, host: string, name: string, indexes: readonly number[]) {
  const connection = await RawConnection.open(port, host);
  const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp: LATEST }));
  const answer = await connection.ask(listOffsets, 1, {
    replicaId: -1,
    topics: [{ name, partitions }],
  });
  connection.close();
  return answer.topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) ?? false;
}

/** Of each partition's leader, where so many replicas are in sync. */
async function leaderPorts(
  port: number,
  name: string,
  host: string,
  inSyncCount: number,
): Promise<number[]> {
  const connection = await RawConnection.open(port, host);
  const { brokers, topics } = await connection.ask(metadata, 1, { topics: [{ name }] });
  connection.close();
  const portOf = new Map(brokers.map((broker) => [broker.nodeId, broker.port]));
  const partitions = [...(topics[0]?.partitions ?? [])];
  return partitions
    .filter(({ isrNodes }) => isrNodes.length >= inSyncCount)
    .sort((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ leaderId }) => portOf.get(leaderId) ?? port);
}

export async function deleteTopic(port: number, name: string, host = "127.0.0.1"): Promise<void> {
  const connection = await RawConnection.open(port, host);
  await connection.ask(deleteTopics, 1, { topicNames: [name], timeoutMs: 10_000 });
  connection.close();
}

/** One for each transactional id; without one it is for an idempotent producer. */
export async function newProducerIds(
  port: number,
  transactionalIds: readonly (string | null)[],
  host = "127.0.0.1",
): Promise<ProducerId[]> {
  const connection = await RawConnection.open(port, host);
  const ids: ProducerId[] = [];
  for (const transactionalId of transactionalIds) {
    if (transactionalId !== null) {
      await retried(async () => {
        const request = { key: transactionalId, keyType: TRANSACTION_KEY };
        return (await connection.ask(findCoordinator, 2, request)).errorCode;
      });
    }
    await retried(async () => {
      const request = { transactionalId, transactionTimeoutMs: 60_000 };
      const answer = await connection.ask(initProducerId, 5, request);
      ids.push(answer);
      if (answer.errorCode !== ErrorCode.NONE) ids.pop();
      return answer.errorCode;
    });
  }
  connection.close();
  return ids;
}
