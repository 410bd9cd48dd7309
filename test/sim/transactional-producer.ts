/** A transactional producer in raw requests, as clients of either generation send them. */
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../src/protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../src/protocol/messages/28-txn-offset-commit.ts";
import { ErrorCode, errorName, isRetriable } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import type { Asker } from "../api/asker.ts";
import { FAKE_WALL_MS } from "./fake-clock.ts";

export const GROUP = "group";

const TRANSACTION = 1;

export class TransactionalProducer {
  producerId = -1;
  producerEpoch = -1;
  readonly #sequences = new Map<string, number>();

  constructor(
    readonly asker: Asker,
    readonly transactionalId: string,
    /** transaction.version of the client. */
    readonly version: 0 | 2,
  ) {}

  async init(): Promise<void> {
    const { transactionalId } = this;
    for (const [keyType, key] of [
      [TRANSACTION, transactionalId],
      [0, GROUP],
    ] as const) {
      const request = { keyType, coordinatorKeys: [key] };
      await this.#again(async () => {
        const { coordinators } = await this.asker.quietly(findCoordinator, 6, request);
        return coordinators[0]!.errorCode;
      });
    }
    await this.#again(async () => {
      const request = { transactionalId, transactionTimeoutMs: 600_000 };
      const answer = await this.asker.quietly(initProducerId, 5, request);
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      return answer.errorCode;
    });
    this.#sequences.clear();
  }

  async produce(topic: string, partition: number, value: string): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = this;
    if (this.version === 0) await this.#add(topic, partition);
    const key = `${topic}-${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + 1);
    const records = buildBatch({
      records: [{ timestamp: FAKE_WALL_MS, key: null, value: Buffer.from(value) }],
      isTransactional: true,
      producerId,
      producerEpoch,
      baseSequence,
    });
    const request = {
      transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    };
    await this.#again(async () => {
      const answer = await this.asker.quietly(produce, this.version === 2 ? 12 : 9, request);
      return answer.responses[0]!.partitionResponses[0]!.errorCode;
    });
  }

  async commitOffset(name: string, partitionIndex: number, committedOffset: number) {
    const { transactionalId, producerId, producerEpoch } = this;
    const producer = { transactionalId, producerId, producerEpoch, groupId: GROUP };
    if (this.version === 0) {
      await this.#again(
        async () => (await this.asker.quietly(addOffsetsToTxn, 3, producer)).errorCode,
      );
    }
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: "" }];
    const request = { ...producer, topics: [{ name, partitions }] };
    await this.#again(async () => {
      const version = this.version === 2 ? 5 : 3;
      const answer = await this.asker.quietly(txnOffsetCommit, version, request);
      return answer.topics[0]!.partitions[0]!.errorCode;
    });
  }

  /** The first answer that is final. */
  async end(committed: boolean): Promise<ErrorCode> {
    const { transactionalId, producerId, producerEpoch } = this;
    const request = { transactionalId, producerId, producerEpoch, committed };
    let final: ErrorCode = ErrorCode.NONE;
    await this.asker.until(async () => {
      const answer = await this.asker.quietly(endTxn, this.version === 2 ? 5 : 4, request);
      final = answer.errorCode as ErrorCode;
      if (final === ErrorCode.NONE && this.version === 2) {
        this.producerId = answer.producerId;
        this.producerEpoch = answer.producerEpoch;
        this.#sequences.clear();
      }
      return !isRetriable(final);
    });
    return final;
  }

  #add(name: string, partition: number): Promise<void> {
    return this.#again(async () => {
      const answer = await this.asker.quietly(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: this.producerId,
        v3AndBelowProducerEpoch: this.producerEpoch,
        v3AndBelowTopics: [{ name, partitions: [partition] }],
      });
      return answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode;
    });
  }

  /** Until it is done; throws what does not pass. */
  #again(attempt: () => Promise<number>): Promise<void> {
    return this.asker.until(async () => {
      const error = (await attempt()) as ErrorCode;
      if (error === ErrorCode.NONE) return true;
      if (isRetriable(error)) return false;
      throw new Error(errorName(error));
    });
  }
}
