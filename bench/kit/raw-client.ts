/** The few requests that a benchmark needs beside its load: topics, and ids of producers. */
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
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

/** Resolves when all partitions have a leader. */
export async function createTopic(
  port: number,
  name: string,
  partitions: number,
  configs: TopicConfigs = {},
  host = "127.0.0.1",
): Promise<void> {
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
  // A broker answers ListOffsets once it leads the partitions, not when it has heard of them.
  const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: LATEST,
  }));
  for (;;) {
    const answer = await connection.ask(listOffsets, 1, {
      replicaId: -1,
      topics: [{ name, partitions: wanted }],
    });
    const answers = answer.topics[0]?.partitions ?? [];
    if (answers.length === partitions && answers.every((p) => p.errorCode === 0)) break;
    await Bun.sleep(POLL_MS);
  }
  connection.close();
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
