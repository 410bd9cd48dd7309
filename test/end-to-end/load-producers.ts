/** Producers that write as much as the broker takes, and note what it promises. */
import type { Clock } from "../../src/base/world.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import type { Chance } from "../fuzz/chance.ts";
import { type Connection, newProducerId, produceBatch } from "./client.ts";
import type { Lane, PartitionLedger } from "./ledger.ts";
import type { Actor, Gate } from "./lives.ts";

const IN_FLIGHT_MAX = 5;
const RECORDS_MAX = 12;
const PADDING_MAX = 300;
/** Times are within so much of each other's order. */
const DISORDER_MS = 500;

interface PendingBatch {
  readonly firstNumber: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** Writes to one partition: five requests in flight, and after a loss all of them again. */
export class LaneProducer implements Actor {
  readonly #lane: Lane;
  /** In the order of their numbers. */
  #pending: PendingBatch[] = [];
  #producerId = -1;

  constructor(
    readonly ledger: PartitionLedger,
    name: string,
    isIdempotent: boolean,
    readonly clock: Clock,
    readonly chance: Chance,
  ) {
    this.#lane = ledger.lane(name, isIdempotent);
  }

  async work(connection: Connection, gate: Gate): Promise<void> {
    if (this.#lane.isIdempotent && this.#producerId === -1) {
      this.#producerId = await newProducerId(connection);
    }
    // Who may not retry does not know what became of these.
    if (!this.#lane.isIdempotent) this.#pending = [];
    const inFlight = new Set<Promise<void>>();
    const send = (batch: PendingBatch): void => {
      const sent = this.#send(connection, batch).finally(() => inFlight.delete(sent));
      inFlight.add(sent);
    };
    for (const batch of this.#pending) send(batch);
    while (gate.isOpen) {
      while (inFlight.size < IN_FLIGHT_MAX) send(this.#next());
      await Promise.race(inFlight);
    }
    await Promise.all(inFlight);
  }

  async #send(connection: Connection, batch: PendingBatch): Promise<void> {
    const { topic, partition } = this.ledger;
    // The broker writes offsets into the bytes that it receives, never into ours.
    const { errorCode, baseOffset } = await produceBatch(connection, topic, partition, batch.bytes);
    const isKnown = errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
    if (errorCode !== ErrorCode.NONE && !(isKnown && this.#lane.isIdempotent)) {
      const what = `${this.#lane.name} ${batch.firstNumber} to ${topic}-${partition}`;
      throw new Error(`${what}: ${errorName(errorCode)}`);
    }
    const { firstNumber, count } = batch;
    this.#lane.acknowledged.push({ firstNumber, count, baseOffset: isKnown ? -1 : baseOffset });
    this.#pending = this.#pending.filter((other) => other !== batch);
  }

  #next(): PendingBatch {
    const { chance } = this;
    const count = 1 + chance.below(RECORDS_MAX);
    const firstNumber = this.#lane.nextNumber;
    this.#lane.nextNumber += count;
    const nowMs = this.clock.wallMs();
    const { name, isIdempotent } = this.#lane;
    const bytes = buildBatch({
      records: Array.from({ length: count }, (_, index) => ({
        timestamp: nowMs - chance.below(DISORDER_MS),
        key: Buffer.from(name),
        value: Buffer.from(`${firstNumber + index}:${"x".repeat(chance.below(PADDING_MAX))}`),
      })),
      compression: chance.pick(CODECS),
      ...(isIdempotent
        ? { producerId: this.#producerId, producerEpoch: 0, baseSequence: firstNumber }
        : {}),
    });
    const batch = { firstNumber, count, bytes };
    this.#pending.push(batch);
    return batch;
  }
}

const CODECS = [
  CompressionType.NONE,
  CompressionType.NONE,
  CompressionType.NONE,
  CompressionType.GZIP,
  CompressionType.SNAPPY,
  CompressionType.LZ4,
  CompressionType.ZSTD,
];
