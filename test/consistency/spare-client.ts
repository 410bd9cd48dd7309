/**
 * Writes to a topic that is deleted and made again, and reads it: whatever it finds was written to
 * this very topic, and not to one that had its name before (KIP-516).
 */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { nextBatchSize } from "../../src/protocol/record-batch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { Actor } from "./actors.ts";
import { SPARE } from "./admin.ts";
import { areIntact } from "./reader.ts";
import { Unanswered } from "./wire.ts";

const TIMEOUT_MS = 2000;
const SIZE_MAX = 4096;
const PRODUCE_VERSION = 13;
const FETCH_VERSION = 13;

export class SpareClient extends Actor {
  #topicId: string | null = null;
  #offset = 0;

  protected async step(): Promise<void> {
    try {
      if (this.#topicId === null || this.random.chance(0.1)) await this.#learn();
      else if (this.random.chance(0.5)) await this.#write(this.#topicId);
      else await this.#read(this.#topicId);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  async #learn(): Promise<void> {
    const request = { topics: [{ name: SPARE }], allowAutoTopicCreation: false };
    const answer = await this.wire.ask(metadata, 12, request);
    const [topic] = answer.topics;
    if (topic?.errorCode !== ErrorCode.NONE || topic.topicId === this.#topicId) return;
    this.#topicId = topic.topicId;
    this.#offset = 0;
  }

  async #write(topicId: string): Promise<void> {
    const value = Buffer.from(topicId);
    const records = buildBatch({ records: [{ key: null, value, timestamp: this.wire.wallMs() }] });
    await this.wire.ask(produce, PRODUCE_VERSION, {
      acks: -1,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: SPARE, topicId, partitionData: [{ index: 0, records }] }],
    });
  }

  async #read(topicId: string): Promise<void> {
    const partitions = [{ partition: 0, fetchOffset: this.#offset, partitionMaxBytes: SIZE_MAX }];
    const answer = await this.wire.ask(fetch, FETCH_VERSION, {
      maxWaitMs: 10,
      minBytes: 1,
      topics: [{ topic: SPARE, topicId, partitions }],
      forgottenTopicsData: [],
    });
    const found = answer.responses[0]?.partitions[0];
    if (found === undefined) return;
    if (found.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      this.#offset = Math.max(0, found.logStartOffset, this.#offset);
    }
    if (found.errorCode !== ErrorCode.NONE) return;
    const bytes = found.records ?? Buffer.alloc(0);
    if (!areIntact(bytes)) return;
    let at = 0;
    for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
      for (const { offset, value } of readRecords(bytes, at)) {
        const text = value!.toString();
        if (text !== topicId) throw new Error(`${SPARE} ${topicId} has at ${offset}: ${text}`);
        this.#offset = offset + 1;
      }
    }
  }
}
