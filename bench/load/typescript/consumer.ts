/** See consumer.c: this does the same, but that answers are decoded as a whole. */
import { Histogram } from "../../../src/base/histogram.ts";
import { decode } from "../../../src/protocol/compile.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { frameOf } from "../../kit/raw-connection.ts";
import { fail, Frames } from "./frames.ts";
import { nowUs, type Producers } from "./producer.ts";

const VERSION = 11;
const MAX_WAIT_MS = 500;
const RESPONSE_HEADER_SIZE = 8;
const INT32_MAX = 2 ** 31 - 1;

export class Consumers {
  readonly fetchLatencies = new Histogram();
  readonly endToEnd = new Histogram();
  readonly producers: Producers;
  readonly #all: Consumer[] = [];
  readBytes = 0;
  followedBytes = 0;
  fetches = 0;

  constructor(producers: Producers) {
    this.producers = producers;
  }

  async open(): Promise<void> {
    const { consumers, readers } = this.producers.options;
    for (let index = 0; index < consumers + readers; index++) {
      const consumer = new Consumer(this, index < consumers);
      await consumer.open();
      this.#all.push(consumer);
    }
  }

  start(): void {
    for (const consumer of this.#all) consumer.ask();
  }

  readersAreDone(): boolean {
    return this.#all.every(({ follows, isDone }) => follows || isDone);
  }

  isDone(): boolean {
    return this.#all.every(({ isDone }) => isDone);
  }
}

class Consumer {
  readonly follows: boolean;
  isDone = false;
  readonly #group: Consumers;
  readonly #offsets: number[];
  readonly #moved = new Set<number>();
  #frames: Frames | null = null;
  #sessionId = 0;
  #sessionEpoch = 0;
  #askedUs = 0;

  constructor(group: Consumers, follows: boolean) {
    this.#group = group;
    this.follows = follows;
    this.#offsets = Array.from({ length: group.producers.options.partitions }, () => 0);
  }

  async open(): Promise<void> {
    const { host, port } = this.#group.producers.options;
    this.#frames = await Frames.open(host, port, (answer) => this.#take(answer));
  }

  ask(): void {
    const { topic, partition_bytes: partitionMaxBytes } = this.#group.producers.options;
    const isWhole = !this.follows || this.#sessionId === 0;
    const named = isWhole ? this.#offsets.keys() : this.#moved.values();
    const partitions = [...named].map((partition) => ({
      partition,
      fetchOffset: this.#offsets[partition]!,
      partitionMaxBytes,
    }));
    this.#moved.clear();
    this.#askedUs = nowUs();
    const session = this.follows
      ? { sessionId: this.#sessionId, sessionEpoch: this.#sessionEpoch }
      : { sessionId: 0, sessionEpoch: -1 };
    const topics = partitions.length === 0 ? [] : [{ topic, partitions }];
    const limits = { maxWaitMs: MAX_WAIT_MS, minBytes: 1, maxBytes: INT32_MAX };
    this.#frames!.queue(frameOf(fetch, VERSION, { ...limits, ...session, topics }));
    this.#frames!.flush();
  }

  #take(bytes: Buffer): void {
    const group = this.#group;
    const answer = decode(fetch.response, VERSION, bytes.subarray(RESPONSE_HEADER_SIZE));
    if (answer.errorCode !== ErrorCode.NONE) refuse(answer.errorCode);
    group.fetches++;
    let ended = 0;
    for (const { partitions } of answer.responses) {
      for (const { partitionIndex, errorCode, highWatermark, records } of partitions) {
        if (errorCode !== ErrorCode.NONE) refuse(errorCode);
        this.#takeRecords(partitionIndex, records?.length ?? 0);
        if (this.follows || this.#offsets[partitionIndex]! < highWatermark) continue;
        ended++;
        if (group.producers.options.once === 0) this.#offsets[partitionIndex] = 0;
      }
    }
    if (this.follows) {
      this.#sessionId = answer.sessionId;
      if (this.#sessionId !== 0) this.#sessionEpoch++;
    } else group.fetchLatencies.record(nowUs() - this.#askedUs);
    if (this.#isOver(ended)) this.isDone = true;
    else this.ask();
  }

  #takeRecords(partition: number, size: number): void {
    const { producers, endToEnd } = this.#group;
    const batch = producers.batchOf(partition);
    const count = Math.floor(size / batch.bytes.length);
    if (this.follows) this.#group.followedBytes += size;
    else this.#group.readBytes += size;
    const offset = this.#offsets[partition]!;
    this.#offsets[partition] = offset + count * batch.recordCount;
    if (!this.follows || count === 0) return;
    this.#moved.add(partition);
    if (producers.schedule === null) return;
    const elapsedUs = nowUs() - producers.startUs;
    const first = offset / batch.recordCount;
    for (let n = first; n < first + count; n++) {
      const dueUs = producers.schedule.dueUsOfBatch(partition, n);
      if (dueUs >= producers.options.skip_ms * 1000) endToEnd.record(elapsedUs - dueUs);
    }
  }

  #isOver(ended: number): boolean {
    const { producers, readBytes } = this.#group;
    const { options, schedule } = producers;
    if (!this.follows) {
      return options.once === 0 ? readBytes >= options.read_bytes : ended === options.partitions;
    }
    if (!producers.isDone()) return false;
    return (
      schedule === null ||
      this.#offsets.every((offset, partition) => {
        const wanted = schedule.batchesOf(partition) * producers.batchOf(partition).recordCount;
        return offset >= wanted;
      })
    );
  }
}

function refuse(errorCode: number): never {
  fail(`fetch: ${errorName(errorCode as ErrorCode)}`);
}
