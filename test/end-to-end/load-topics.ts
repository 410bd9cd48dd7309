/** Clients that change the cluster: topics come and go, grow, change their settings, are trimmed. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { describeConfigs } from "../../src/protocol/messages/32-describe-configs.ts";
import { createPartitions } from "../../src/protocol/messages/37-create-partitions.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import type { Chance } from "../fuzz/chance.ts";
import {
  type Connection,
  createTopic,
  expectNone,
  LATEST,
  offsetFor,
  produceBatch,
  topicIds,
} from "./client.ts";
import type { PartitionLedger } from "./ledger.ts";
import type { Actor, Gate } from "./lives.ts";

const TIMEOUT_MS = 30_000;
const TOPIC = 2;
const SET = 0;
const LIVING_MAX = 8;

/** What became of a topic, as far as was told. */
interface Fate {
  /** Empty while its making was not answered. */
  topicId: string;
  records: number;
  state: "creating" | "there" | "deleting" | "gone";
}

/** Makes topics, writes a little to them, deletes them. */
export class TopicChurn implements Actor {
  readonly #fates = new Map<string, Fate>();
  #count = 0;

  constructor(
    readonly prefix: string,
    readonly directory: string,
    readonly chance: Chance,
  ) {}

  async work(connection: Connection, gate: Gate): Promise<void> {
    while (gate.isOpen) {
      const there = [...this.#fates].filter(([, { state }]) => state === "there");
      if (there.length < LIVING_MAX || this.chance.oneIn(3)) await this.#create(connection);
      else await this.#delete(connection, ...this.chance.pick(there));
    }
  }

  async verify(connection: Connection): Promise<void> {
    const found = await topicIds(connection);
    for (const [name, fate] of this.#fates) {
      const topicId = found.get(name);
      const isThere = topicId !== undefined;
      if (fate.state === "there") expect(topicId, `${name} is there`).toBe(fate.topicId);
      if (fate.state === "gone") expect(isThere, `${name} is gone`).toBe(false);
      expect(existsSync(`${this.directory}/${name}-0`), `files of ${name}`).toBe(isThere);
      if (isThere) {
        const { offset } = await offsetFor(connection, name, 0, LATEST);
        expect(offset, `records of ${name}`).toBeGreaterThanOrEqual(fate.records);
      }
      // What was not answered has now been seen to have happened, or not.
      fate.state = isThere ? "there" : "gone";
      fate.topicId = topicId ?? "";
      if (!isThere) this.#fates.delete(name);
    }
    for (const name of found.keys()) {
      if (name.startsWith(this.prefix)) expect(this.#fates.has(name), name).toBe(true);
    }
  }

  async #create(connection: Connection): Promise<void> {
    const name = `${this.prefix}${this.#count++}`;
    const fate: Fate = { topicId: "", records: 0, state: "creating" };
    this.#fates.set(name, fate);
    fate.topicId = await createTopic(connection, name, 1 + this.chance.below(3));
    fate.state = "there";
    const batch = buildBatch({ records: [{ timestamp: 1, key: null, value: Buffer.from(name) }] });
    const { errorCode } = await produceBatch(connection, name, 0, batch);
    expectNone(`produce to ${name}`, errorCode);
    fate.records = 1;
  }

  async #delete(connection: Connection, name: string, fate: Fate): Promise<void> {
    fate.state = "deleting";
    const answer = await connection.request(deleteTopics, 6, {
      topics: [{ name: null, topicId: fate.topicId }],
      timeoutMs: TIMEOUT_MS,
    });
    expectNone(`delete ${name}`, answer.responses[0]!.errorCode);
    fate.state = "gone";
  }
}

/** Sets one setting of a topic to 1, 2, 3, ... and now and then adds a partition to it. */
export class TopicChanger implements Actor {
  readonly #sent = { value: 0, partitions: 1 };
  readonly #acknowledged = { value: 0, partitions: 1 };

  constructor(
    readonly topic: string,
    readonly chance: Chance,
  ) {}

  async work(connection: Connection, gate: Gate): Promise<void> {
    while (gate.isOpen) {
      if (this.chance.oneIn(50)) await this.#addPartition(connection);
      else await this.#changeSetting(connection);
    }
  }

  async verify(connection: Connection): Promise<void> {
    const described = await connection.request(describeConfigs, 4, {
      resources: [{ resourceType: TOPIC, resourceName: this.topic, configurationKeys: [SETTING] }],
    });
    const text = described.results[0]!.configs[0]!.value;
    const value = text === DEFAULT_TEXT ? 0 : Number(text);
    const listed = await connection.request(metadata, 9, {
      topics: [{ name: this.topic }],
      allowAutoTopicCreation: false,
    });
    const found = { value, partitions: listed.topics[0]!.partitions.length };
    for (const what of ["value", "partitions"] as const) {
      expect(found[what], what).toBeGreaterThanOrEqual(this.#acknowledged[what]);
      expect(found[what], what).toBeLessThanOrEqual(this.#sent[what]);
      this.#acknowledged[what] = this.#sent[what] = found[what];
    }
  }

  async #changeSetting(connection: Connection): Promise<void> {
    const value = ++this.#sent.value;
    const answer = await connection.request(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: this.topic,
          configs: [{ name: SETTING, configOperation: SET, value: String(value) }],
        },
      ],
      validateOnly: false,
    });
    expectNone("alter", answer.responses[0]!.errorCode);
    this.#acknowledged.value = value;
  }

  async #addPartition(connection: Connection): Promise<void> {
    const count = ++this.#sent.partitions;
    const answer = await connection.request(createPartitions, 3, {
      topics: [{ name: this.topic, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    expectNone("add a partition", answer.results[0]!.errorCode);
    this.#acknowledged.partitions = count;
  }
}

const SETTING = "delete.retention.ms";
const DEFAULT_TEXT = "86400000";

/** Asks the broker to forget the oldest records. */
export class RecordTrimmer implements Actor {
  constructor(
    readonly ledger: PartitionLedger,
    readonly chance: Chance,
  ) {}

  async work(connection: Connection, gate: Gate): Promise<void> {
    const { topic, partition } = this.ledger;
    while (gate.isOpen) {
      const { offset: end } = await offsetFor(connection, topic, partition, LATEST);
      const span = end - this.ledger.deletedTo;
      if (span < 200) continue;
      const offset = this.ledger.deletedTo + this.chance.below(span >>> 1);
      this.ledger.deletedTo = offset;
      const answer = await connection.request(deleteRecords, 2, {
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
        timeoutMs: TIMEOUT_MS,
      });
      const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!;
      // After a crash the log may begin before what was deleted, never behind it.
      if (errorCode !== ErrorCode.OFFSET_OUT_OF_RANGE) expectNone("delete records", errorCode);
      expect(lowWatermark).toBe(offset);
    }
  }
}
