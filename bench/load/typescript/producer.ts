/** See producer.c: this does the same. */
import { readFileSync } from "node:fs";
import { crc32c } from "../../../src/base/crc32c.ts";
import { Histogram } from "../../../src/base/histogram.ts";
import { decode } from "../../../src/protocol/compile.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { frameOf } from "../../kit/raw-connection.ts";
import { fail, Frames } from "./frames.ts";
import type { Batch, Options } from "./options.ts";
import { Schedule } from "./schedule.ts";

/** The newest without flexible fields; within a transaction that of KIP-890. */
const VERSION = 7;
const TRANSACTIONAL_VERSION = 12;
const END_TXN_VERSION = 5;
const RETRY_MS = 2;
const TRANSACTIONAL_FLAG = 0x10;

interface Group {
  readonly partitions: readonly number[];
  readonly frame: Buffer;
  readonly bytes: number;
}

interface Flight {
  readonly dueUs: number;
  readonly group: Group | null;
  readonly frame: Buffer;
}

interface ProducerId {
  id: number;
  epoch: number;
  readonly transactionalId: string | null;
}

export class Producers {
  readonly latencies = new Histogram();
  readonly commitLatencies = new Histogram();
  readonly lateness = new Histogram();
  readonly schedule: Schedule | null;
  readonly groups: readonly Group[];
  readonly options: Options;
  readonly batches: readonly Batch[];
  readonly #connections: Producer[] = [];
  issued = 0;
  issuedBytes = 0;
  answered = 0;
  answeredBytes = 0;
  commits = 0;
  running = 0;
  startUs = 0;

  constructor(options: Options, batches: readonly Batch[]) {
    this.options = options;
    this.batches = batches;
    const { connections, partitions, spread, rate, seconds } = options;
    const groupCount = connections === 0 ? 0 : partitions / spread;
    this.groups = Array.from({ length: groupCount }, (_, group) => this.#groupOf(group));
    const requestBytes = this.groups[0]?.bytes ?? 0;
    this.schedule =
      rate === 0
        ? null
        : new Schedule({ requestBytes, bytesPerSecond: rate, seconds, groupCount, spread });
  }

  async open(): Promise<void> {
    const { connections, producers } = this.options;
    const ids = producers === "" ? [] : readProducerIds(producers);
    for (let index = 0; index < connections; index++) {
      const producer = new Producer(this, ids[index] ?? null, index % this.groups.length);
      await producer.open();
      this.#connections.push(producer);
    }
  }

  start(): void {
    this.startUs = nowUs();
    if (this.schedule !== null) return;
    this.running = this.#connections.length;
    for (const connection of this.#connections) connection.start();
  }

  /** Sends what is due. */
  issueDue(): void {
    const { schedule } = this;
    if (schedule === null) return;
    const elapsedUs = nowUs() - this.startUs;
    const dueCount = schedule.dueCount(elapsedUs);
    if (this.issued >= dueCount) return;
    for (let request = this.issued; request < dueCount; request++) {
      const group = schedule.groupOf(request);
      const dueUs = schedule.dueUs(request);
      if (dueUs >= this.options.skip_ms * 1000) this.lateness.record(elapsedUs - dueUs);
      this.#connections[group % this.#connections.length]!.issue(group, this.startUs + dueUs);
    }
    for (const connection of this.#connections) connection.flush();
  }

  isDone(): boolean {
    return this.schedule === null ? this.running === 0 : this.answered === this.schedule.total;
  }

  batchOf(partition: number): Batch {
    return this.batches[partition % this.batches.length]!;
  }

  #groupOf(group: number): Group {
    const { spread, topic, acks } = this.options;
    const partitions = Array.from({ length: spread }, (_, index) => group * spread + index);
    const partitionData = partitions.map((index) => ({
      index,
      records: this.batchOf(index).bytes,
    }));
    const topicData = [{ name: topic, partitionData }];
    const frame = frameOf(produce, VERSION, { acks, timeoutMs: 30_000, topicData });
    const bytes = partitionData.reduce((sum, { records }) => sum + records.length, 0);
    return { partitions, frame, bytes };
  }
}

class Producer {
  readonly #all: Producers;
  readonly #id: ProducerId | null;
  readonly #sequences = new Map<number, number>();
  readonly #flights: Flight[] = [];
  #frames: Frames | null = null;
  #nextGroup: number;
  #inTransaction = 0;

  constructor(all: Producers, id: ProducerId | null, firstGroup: number) {
    this.#all = all;
    this.#id = id;
    this.#nextGroup = firstGroup;
  }

  async open(): Promise<void> {
    const { host, port } = this.#all.options;
    this.#frames = await Frames.open(host, port, (answer) => this.#take(answer));
  }

  start(): void {
    const { window, bytes } = this.#all.options;
    for (let count = 0; count < window; count++) {
      if (count === 0 || this.#all.issuedBytes < bytes) this.#goOn();
    }
    this.flush();
  }

  issue(groupIndex: number, dueUs: number): void {
    const group = this.#all.groups[groupIndex]!;
    this.#send({ dueUs, group, frame: this.#id === null ? group.frame : this.#stamped(group) });
    this.#all.issued++;
    this.#all.issuedBytes += group.bytes;
  }

  flush(): void {
    this.#frames!.flush();
  }

  #send(flight: Flight): void {
    this.#flights.push(flight);
    this.#frames!.queue(flight.frame);
  }

  #goOn(): void {
    const all = this.#all;
    const mayIssue = all.issuedBytes < all.options.bytes;
    const isFull = this.#inTransaction === all.options.transaction;
    if (this.#inTransaction > 0 && (isFull || !mayIssue)) {
      this.#send({ dueUs: nowUs(), group: null, frame: this.#commitFrame() });
    } else if (mayIssue) {
      this.issue(this.#nextGroup, nowUs());
      this.#nextGroup = (this.#nextGroup + 1) % all.groups.length;
    } else if (this.#flights.length === 0) {
      all.running--;
    }
  }

  #take(answer: Buffer): void {
    const flight = this.#flights.shift()!;
    if (flight.group === null) this.#takeCommit(answer, flight);
    else this.#takeProduced(answer, flight, flight.group);
  }

  #takeProduced(answer: Buffer, flight: Flight, group: Group): void {
    const all = this.#all;
    const isTransactional = this.#id?.transactionalId != null;
    const version = isTransactional ? TRANSACTIONAL_VERSION : VERSION;
    const body = answer.subarray(isTransactional ? 9 : 8);
    const { responses } = decode(produce.response, version, body);
    const answers = responses.flatMap(({ partitionResponses }) => partitionResponses);
    const failed = answers.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
    if (failed !== undefined) {
      this.#tryAgainLater(flight, failed.errorCode);
      return;
    }
    all.answered++;
    all.answeredBytes += group.bytes;
    const isCounted = flight.dueUs >= all.startUs + all.options.skip_ms * 1000;
    if (isCounted) all.latencies.record(nowUs() - flight.dueUs);
    if (isTransactional) this.#inTransaction++;
    if (all.schedule === null) this.#goOn();
  }

  #takeCommit(answer: Buffer, flight: Flight): void {
    const response = decode(endTxn.response, END_TXN_VERSION, answer.subarray(9));
    if (response.errorCode !== ErrorCode.NONE) {
      this.#tryAgainLater(flight, response.errorCode);
      return;
    }
    this.#all.commitLatencies.record(nowUs() - flight.dueUs);
    this.#all.commits++;
    this.#inTransaction = 0;
    this.#id!.id = response.producerId;
    this.#id!.epoch = response.producerEpoch;
    this.#sequences.clear();
    this.#goOn();
  }

  #tryAgainLater(flight: Flight, errorCode: number): void {
    const mayPass = this.#id?.transactionalId != null;
    if (!mayPass || errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) {
      fail(`produce: ${errorName(errorCode as ErrorCode)}`);
    }
    setTimeout(() => {
      this.#send(flight);
      this.flush();
    }, RETRY_MS);
  }

  /** With this producer's id and its next sequence numbers. */
  #stamped(group: Group): Buffer {
    const { id, epoch, transactionalId } = this.#id!;
    const { topic, acks } = this.#all.options;
    const partitionData = group.partitions.map((index) => {
      const records = Buffer.from(this.#all.batchOf(index).bytes);
      const sequence = this.#sequences.get(index) ?? 0;
      this.#sequences.set(index, sequence + records.readInt32BE(57));
      if (transactionalId !== null) records[22]! |= TRANSACTIONAL_FLAG;
      records.writeBigInt64BE(BigInt(id), 43);
      records.writeInt16BE(epoch, 51);
      records.writeInt32BE(sequence, 53);
      records.writeUInt32BE(crc32c(records, 21, records.length - 21), 17);
      return { index, records };
    });
    const topicData = [{ name: topic, partitionData }];
    const version = transactionalId === null ? VERSION : TRANSACTIONAL_VERSION;
    return frameOf(produce, version, { transactionalId, acks, timeoutMs: 30_000, topicData });
  }

  #commitFrame(): Buffer {
    const { id, epoch, transactionalId } = this.#id!;
    return frameOf(endTxn, END_TXN_VERSION, {
      transactionalId: transactionalId ?? "",
      producerId: id,
      producerEpoch: epoch,
      committed: true,
    });
  }
}

function readProducerIds(path: string): ProducerId[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [id, epoch, transactionalId = ""] = line.split(" ");
    return {
      id: Number(id),
      epoch: Number(epoch),
      transactionalId: transactionalId === "" ? null : transactionalId,
    };
  });
}

export function nowUs(): number {
  return Bun.nanoseconds() / 1000;
}
