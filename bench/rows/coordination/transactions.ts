/**
 * Transactions of the newest protocol (KIP-890): a record to each of two partitions, then the
 * commit.
 */
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { createTopic } from "../../kit/raw-client.ts";
import { RawConnection } from "../../kit/raw-connection.ts";
import { retried } from "../../kit/retried.ts";

const TRANSACTION_KEY = 1;
const READ_COMMITTED = 1;
const PARTITIONS = [0, 1];
const VALUE = Buffer.alloc(100, "v");

let topicCount = 0;

/** How many in a second, and how long a commit takes. */
export async function transactions(port: number, producers: number, seconds: number) {
  const topic = await newTopic(port);
  const sessions: Session[] = [];
  for (let index = 0; index < producers; index++) {
    sessions.push(await Session.open(port, topic, `${topic}-${index}`));
  }
  for (const session of sessions) await session.transaction();
  const commits: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const work = async (session: Session) => {
    while (performance.now() < untilMs) commits.push(await session.transaction());
  };
  await Promise.all(sessions.map(work));
  const perSecond = (commits.length / (performance.now() - startedMs)) * 1000;
  for (const session of sessions) session.close();
  return { perSecond, ...quantiles(commits) };
}

/** From the commit's request until a waiting consumer has the record. */
export async function commitLatency(port: number, seconds: number) {
  const topic = await newTopic(port);
  const session = await Session.open(port, topic, topic);
  await session.transaction();
  const reader = await RawConnection.open(port);
  let fetchOffset = await readOn(reader, topic, 0);
  const latencies: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  while (performance.now() < untilMs) {
    const seen = readOn(reader, topic, fetchOffset).then((nextOffset) => {
      fetchOffset = nextOffset;
      return performance.now();
    });
    for (const partition of PARTITIONS) await session.produce(partition);
    const startedMs = performance.now();
    await session.commit();
    latencies.push((await seen) - startedMs);
  }
  session.close();
  reader.close();
  return quantiles(latencies);
}

class Session {
  #producerId = -1;
  #producerEpoch = -1;
  #sequences = [0, 0];

  private constructor(
    private readonly connection: RawConnection,
    private readonly topic: string,
    private readonly transactionalId: string,
  ) {}

  static async open(port: number, topic: string, transactionalId: string): Promise<Session> {
    const connection = await RawConnection.open(port);
    const session = new Session(connection, topic, transactionalId);
    await retried(async () => {
      const request = { key: transactionalId, keyType: TRANSACTION_KEY };
      return (await connection.ask(findCoordinator, 2, request)).errorCode;
    });
    await retried(async () => {
      const request = { transactionalId, transactionTimeoutMs: 60_000 };
      const answer = await connection.ask(initProducerId, 5, request);
      session.#adopt(answer);
      return answer.errorCode;
    });
    return session;
  }

  /** Resolves with the milliseconds that the commit took. */
  async transaction(): Promise<number> {
    for (const partition of PARTITIONS) await this.produce(partition);
    const startedMs = performance.now();
    await this.commit();
    return performance.now() - startedMs;
  }

  async produce(partition: number): Promise<void> {
    const baseSequence = this.#sequences[partition]!++;
    await retried(async () => {
      const records = buildBatch({
        records: [{ key: null, value: VALUE, timestamp: Date.now() }],
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        baseSequence,
        isTransactional: true,
      });
      const answer = await this.connection.ask(produce, 12, {
        transactionalId: this.transactionalId,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: this.topic, partitionData: [{ index: partition, records }] }],
      });
      return answer.responses[0]!.partitionResponses[0]!.errorCode;
    });
  }

  async commit(): Promise<void> {
    await retried(async () => {
      const answer = await this.connection.ask(endTxn, 5, {
        transactionalId: this.transactionalId,
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        committed: true,
      });
      if (answer.errorCode === ErrorCode.NONE) this.#adopt(answer);
      return answer.errorCode;
    });
  }

  close(): void {
    this.connection.close();
  }

  #adopt(answer: { readonly producerId: number; readonly producerEpoch: number }): void {
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
    this.#sequences = [0, 0];
  }
}

/** Resolves with where to read on, when there is a committed record at or behind `fetchOffset`. */
async function readOn(reader: RawConnection, topic: string, fetchOffset: number): Promise<number> {
  for (;;) {
    const answer = await reader.ask(fetch, 11, {
      maxWaitMs: 1000,
      minBytes: 1,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
      forgottenTopicsData: [],
    });
    const partition = answer.responses[0]!.partitions[0]!;
    if ((partition.records?.length ?? 0) > 0) return partition.lastStableOffset;
  }
}

async function newTopic(port: number): Promise<string> {
  const topic = `transactions-${topicCount++}`;
  await createTopic(port, topic, PARTITIONS.length);
  return topic;
}

function quantiles(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
