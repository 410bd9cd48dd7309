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
const POLL_MS = 5;

export type TopicConfigs = Readonly<Record<string, string>>;

export interface ProducerId {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Resolves when all partitions are led, with the ports of their leaders. */
export async function createTopic(
  port: number,
  name: string,
  partitions: number,
  configs: TopicConfigs = {},
  host = "127.0.0.1",
): Promise<number[]> {
  const connection = await RawConnection.open(port, host);
  const response = await connection.ask(createTopics, 4, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 10_000,
  });
  const errorCode = response.topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode !== ErrorCode.NONE) {
    throw new Error(`${name} was not created: ${errorName(errorCode as ErrorCode)}`);
  }
  connection.close();
  for (;;) {
    const leaders = await leaderPorts(port, name, host);
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

/** Of each partition's leader. */
async function leaderPorts(port: number, name: string, host: string): Promise<number[]> {
  const connection = await RawConnection.open(port, host);
  const { brokers, topics } = await connection.ask(metadata, 1, { topics: [{ name }] });
  connection.close();
  const portOf = new Map(brokers.map((broker) => [broker.nodeId, broker.port]));
  const partitions = [...(topics[0]?.partitions ?? [])];
  return partitions
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
