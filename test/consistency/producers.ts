/**
 * Producers as careful clients write them: every request is repeated until it is answered, and the
 * broker sorts out what it has seen before.
 */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { addOffsetsToTxn } from "../../src/protocol/messages/25-add-offsets-to-txn.ts";
import { addPartitionsToTxn } from "../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../src/protocol/messages/28-txn-offset-commit.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { retried, type Wire } from "./wire.ts";

/** Whether the client's transactions are of KIP-890 (transaction.version 2), or older. */
export type Generation = "old" | "new";

const TIMEOUT_MS = 10_000;

abstract class Producer {
  protected producerId = -1;
  protected producerEpoch = -1;
  protected readonly sequences = new Map<string, number>();

  constructor(
    protected readonly wire: Wire,
    protected readonly transactionalId: string | null,
    protected readonly transactionTimeoutMs: number,
    protected readonly generation: Generation,
  ) {}

  /** A new session: whoever had the transactional id before is fenced. */
  async init(): Promise<void> {
    const { transactionalId, transactionTimeoutMs } = this;
    const version = this.generation === "new" ? 5 : 4;
    const { answer } = await retried(
      this.wire,
      "InitProducerId",
      () => this.wire.ask(initProducerId, version, { transactionalId, transactionTimeoutMs }),
      ({ errorCode }) => errorCode,
    );
    this.adopt(answer.producerId, answer.producerEpoch);
  }

  /** Resolves with the offset of the first; null when the broker only knows that it has them. */
  async send(topic: string, partition: number, values: readonly string[]): Promise<number | null> {
    const place = `${topic}-${partition}`;
    const sequence = this.sequences.get(place) ?? 0;
    const { answer } = await retried(
      this.wire,
      `Produce to ${place}`,
      this.#asking(topic, partition, values, sequence),
      ({ responses }) => responses[0]!.partitionResponses[0]!.errorCode,
      [ErrorCode.DUPLICATE_SEQUENCE_NUMBER],
    );
    this.sequences.set(place, sequence + values.length);
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    return errorCode === ErrorCode.NONE && baseOffset >= 0 ? baseOffset : null;
  }

  /** Once, whatever becomes of it: sequences are in doubt afterwards. Rejects with `Unanswered`. */
  async sendOnce(topic: string, partition: number, values: readonly string[]): Promise<void> {
    const sequence = this.sequences.get(`${topic}-${partition}`) ?? 0;
    await this.#asking(topic, partition, values, sequence)();
  }

  #asking(topic: string, partition: number, values: readonly string[], baseSequence: number) {
    const { wire, producerId, producerEpoch, transactionalId } = this;
    const timestamp = wire.wallMs();
    const isTransactional = transactionalId !== null;
    return () => {
      const records = buildBatch({
        records: values.map((value) => ({ key: null, value: Buffer.from(value), timestamp })),
        producerId,
        producerEpoch,
        baseSequence,
        isTransactional,
      });
      return wire.ask(produce, this.generation === "new" ? 12 : 11, {
        transactionalId,
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      });
    };
  }

  protected adopt(producerId: number, producerEpoch: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.sequences.clear();
  }
}

export class IdempotentProducer extends Producer {
  constructor(wire: Wire) {
    super(wire, null, TIMEOUT_MS, "new");
  }
}

export class TransactionalProducer extends Producer {
  declare protected readonly transactionalId: string;
  readonly #added = new Set<string>();

  constructor(wire: Wire, transactionalId: string, timeoutMs: number, generation: Generation) {
    super(wire, transactionalId, timeoutMs, generation);
  }

  override async init(): Promise<void> {
    await super.init();
    this.#added.clear();
  }

  override async send(topic: string, partition: number, values: readonly string[]) {
    if (this.generation === "old") await this.#addPartition(topic, partition);
    return super.send(topic, partition, values);
  }

  override async sendOnce(topic: string, partition: number, values: readonly string[]) {
    if (this.generation === "old") await this.#addPartition(topic, partition);
    return super.sendOnce(topic, partition, values);
  }

  async commitOffset(group: string, topic: string, partition: number, offset: number) {
    if (this.generation === "old") await this.#addOffsets(group);
    await retried(
      this.wire,
      "TxnOffsetCommit",
      () =>
        this.wire.ask(txnOffsetCommit, this.generation === "new" ? 5 : 4, {
          transactionalId: this.transactionalId,
          groupId: group,
          producerId: this.producerId,
          producerEpoch: this.producerEpoch,
          topics: [
            {
              name: topic,
              partitions: [
                { partitionIndex: partition, committedOffset: offset, committedMetadata: "" },
              ],
            },
          ],
        }),
      ({ topics }) => topics[0]!.partitions[0]!.errorCode,
    );
  }

  /** Resolves when it is done; rejects with `Refused` when this session will not do it. */
  async end(committed: boolean): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = this;
    const { answer } = await retried(
      this.wire,
      committed ? "commit" : "abort",
      () =>
        this.wire.ask(endTxn, this.generation === "new" ? 5 : 4, {
          transactionalId,
          producerId,
          producerEpoch,
          committed,
        }),
      ({ errorCode }) => errorCode,
    );
    this.#added.clear();
    if (this.generation === "new") this.adopt(answer.producerId, answer.producerEpoch);
  }

  async #addPartition(topic: string, partition: number): Promise<void> {
    const place = `${topic}-${partition}`;
    if (this.#added.has(place)) return;
    await retried(
      this.wire,
      "AddPartitionsToTxn",
      () =>
        this.wire.ask(addPartitionsToTxn, 3, {
          v3AndBelowTransactionalId: this.transactionalId,
          v3AndBelowProducerId: this.producerId,
          v3AndBelowProducerEpoch: this.producerEpoch,
          v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
        }),
      (answer) => answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode,
    );
    this.#added.add(place);
  }

  async #addOffsets(groupId: string): Promise<void> {
    if (this.#added.has(groupId)) return;
    const { transactionalId, producerId, producerEpoch } = this;
    await retried(
      this.wire,
      "AddOffsetsToTxn",
      () =>
        this.wire.ask(addOffsetsToTxn, 3, { transactionalId, producerId, producerEpoch, groupId }),
      ({ errorCode }) => errorCode,
    );
    this.#added.add(groupId);
  }
}
