/**
 * A whole node on a fake machine whose process is killed or whose power goes, again and again,
 * while clients produce, commit offsets and make topics.
 *
 *   kill         whatever was written is there                    (the page cache survives)
 *   power loss   of what was not synced, any part may be there    (with log.flush.interval.messages=1)
 *
 * What was acknowledged is there in the next life: every record once, at its offset, in order; every
 * topic; every committed offset; every member of a consumer group, in the epoch that it was told of
 * and with what it was assigned. `SEEDS=n` runs more, `SEED=n` one of them.
 */
import { describe, expect, test } from "bun:test";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { batchSize } from "../../src/protocol/record-batch.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "./fake-world.ts";
import { FakeRandom } from "./fake-random.ts";

const SEEDS = Number(process.env["SEEDS"] ?? 12);
const ONLY_SEED = process.env["SEED"];
/** Seeds that once failed: flushes that waited for each other's place in the background queue. */
const KEPT_SEEDS = [28, 34, 62];
const LIVES = 6;
const STEPS_PER_LIFE = 40;
const GROUP = "group";
const CONSUMER_GROUP = "consumer-group";
const SETTINGS = {
  "offsets.topic.num.partitions": "3",
  "log.segment.bytes": "1048576",
  "log.index.interval.bytes": "512",
  "log.flush.offset.checkpoint.interval.ms": "500",
  "replica.high.watermark.checkpoint.interval.ms": "300",
};

type Loss = "kill" | "power";

describe.each(["kill", "power"] as const)("after %s", (loss) => {
  const seeds = ONLY_SEED === undefined ? [...range(SEEDS), ...KEPT_SEEDS] : [Number(ONLY_SEED)];
  test.each(seeds)("seed %d: what was acknowledged is there", (seed) => {
    const life = new Life(seed, loss);
    for (let count = 0; count < LIVES; count++) life.liveAndDie();
    expect(life.acknowledgedCount).toBeGreaterThan(LIVES);
  });
});

interface TopicState {
  /** By offset; acknowledged ones alone. */
  readonly values: Map<number, string>;
  committed: number;
  nextSequence: number;
}

/** A member of the consumer group: the epoch and the assignment that it has been told of. */
interface Member {
  readonly memberId: string;
  memberEpoch: number;
  topicPartitions: { topicId: string; partitions: number[] }[];
}

class Life {
  acknowledgedCount = 0;
  #lives = 0;
  readonly #members: Member[] = ["one", "two"].map((memberId) => ({
    memberId,
    memberEpoch: 0,
    topicPartitions: [],
  }));
  readonly #random: FakeRandom;
  readonly #loss: Loss;
  readonly #topics = new Map<string, TopicState>();
  #world: FakeWorld;
  #valueCount = 0;
  #producerId: number;

  constructor(seed: number, loss: Loss) {
    this.#random = new FakeRandom(seed * 31 + (loss === "kill" ? 0 : 1));
    this.#world = fakeWorld(seed);
    this.#loss = loss;
    // Ids of a foreign block: a broker takes producers that it has never met.
    this.#producerId = 1_000_000;
  }

  liveAndDie(): void {
    // In every other life.
    this.#world.disk.hasWriteThread = this.#lives++ % 2 === 0;
    const settings =
      this.#loss === "power" ? { ...SETTINGS, "log.flush.interval.messages": "1" } : SETTINGS;
    const broker = startBroker(settings, this.#world);
    this.#verify(broker);
    // A new life of the clients, too: their sequences begin anew.
    this.#producerId++;
    for (const topic of this.#topics.values()) topic.nextSequence = 0;
    const steps = this.#random.below(STEPS_PER_LIFE);
    for (let step = 0; step < steps; step++) this.#step(broker);
    // Some requests are under way when it happens: nobody hears of them.
    for (let count = this.#random.below(4); count > 0; count--) this.#begin(broker);
    if (this.#random.chance(0.1)) {
      broker.stop();
      this.#world = afterKill(this.#world);
    } else {
      const next = this.#loss === "kill" ? afterKill : powerLoss(this.#random);
      this.#world = next(this.#world);
    }
  }

  #step(broker: TestBroker): void {
    const roll = this.#random.below(10);
    if (roll === 0 || this.#topics.size === 0) return this.#createTopic(broker);
    if (roll === 1) return this.#commit(broker);
    if (roll === 2) return this.#world.clock.advance(this.#random.below(2000));
    this.#produce(broker, this.#someTopic());
  }

  #createTopic(broker: TestBroker): void {
    const name = `topic-${this.#topics.size}`;
    const answer = broker.wait(
      broker.asker.quietly(createTopics, 7, {
        topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 10_000,
      }),
    );
    // One that was under way at a death may be there or not: both are right.
    expect([0, 36]).toContain(answer.topics[0]?.errorCode ?? -1);
    this.#topics.set(name, { values: new Map(), committed: -1, nextSequence: 0 });
  }

  #produce(broker: TestBroker, name: string): void {
    const topic = this.#topics.get(name)!;
    const values = range(1 + this.#random.below(5)).map(() => `value-${this.#valueCount++}`);
    const answer = broker.wait(this.#ask(broker, name, values, topic.nextSequence));
    const partition = answer.responses[0]?.partitionResponses[0];
    expect(partition?.errorCode).toBe(0);
    values.forEach((value, index) => topic.values.set(partition!.baseOffset + index, value));
    topic.nextSequence += values.length;
    this.acknowledgedCount += values.length;
    if (this.#random.chance(0.2)) this.#repeat(broker, name, values, partition!.baseOffset);
  }

  /** The answer was lost, says the client: it gets the same one again. */
  #repeat(broker: TestBroker, name: string, values: string[], baseOffset: number): void {
    const topic = this.#topics.get(name)!;
    const sequence = topic.nextSequence - values.length;
    const again = broker.wait(this.#ask(broker, name, values, sequence));
    expect(again.responses[0]?.partitionResponses[0]?.baseOffset).toBe(baseOffset);
  }

  #begin(broker: TestBroker): void {
    if (this.#topics.size === 0) return;
    const name = this.#someTopic();
    const topic = this.#topics.get(name)!;
    void this.#ask(broker, name, ["unheard"], topic.nextSequence).catch(() => {});
    topic.nextSequence++;
  }

  #ask(broker: TestBroker, name: string, values: string[], baseSequence: number) {
    const records = buildBatch({
      records: values.map((value) => ({
        key: null,
        value: Buffer.from(value),
        timestamp: this.#world.clock.wallMs(),
        headers: [],
      })),
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence,
    });
    return broker.asker.quietly(produce, 9, {
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name, partitionData: [{ index: 0, records }] }],
    });
  }

  #commit(broker: TestBroker): void {
    const name = this.#someTopic();
    const topic = this.#topics.get(name)!;
    const committedOffset = topic.committed + 1 + this.#random.below(3);
    this.#findCoordinator(broker);
    const answer = broker.wait(
      broker.asker.quietly(offsetCommit, 8, {
        groupId: GROUP,
        generationIdOrMemberEpoch: -1,
        memberId: "",
        topics: [
          {
            name,
            partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }],
          },
        ],
      }),
    );
    expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
    topic.committed = committedOffset;
    this.#beat(broker, this.#members[committedOffset % this.#members.length]!);
  }

  /** Joins, or goes on with what it was told before, in whichever life of the node that was. */
  #beat(broker: TestBroker, member: Member): void {
    const { memberId, memberEpoch, topicPartitions } = member;
    const joins = memberEpoch === 0;
    const request = {
      groupId: CONSUMER_GROUP,
      memberId,
      memberEpoch,
      topicPartitions,
      rebalanceTimeoutMs: joins ? 300_000 : -1,
      subscribedTopicNames: joins ? range(100).map((index) => `topic-${index}`) : null,
    };
    const ask = () => broker.wait(broker.asker.quietly(consumerGroupHeartbeat, 1, request));
    let answer = ask();
    // While the coordinator loads, it says so.
    for (let tries = 0; tries < 100 && [14, 15, 16].includes(answer.errorCode); tries++) {
      this.#world.clock.advance(20);
      answer = ask();
    }
    expect(answer).toMatchObject({ errorCode: 0, memberId });
    member.memberEpoch = answer.memberEpoch;
    if (answer.assignment !== null) member.topicPartitions = answer.assignment.topicPartitions;
    const owned = this.#members.flatMap((each) =>
      each.topicPartitions.map(({ topicId }) => topicId),
    );
    // Each topic has one partition, and that has one owner.
    expect(new Set(owned).size).toBe(owned.length);
  }

  #findCoordinator(broker: TestBroker): void {
    const isThere = async () => {
      const answer = await broker.asker.quietly(findCoordinator, 3, { key: GROUP, keyType: 0 });
      return answer.errorCode === 0;
    };
    broker.wait(broker.asker.until(isThere));
  }

  #verify(broker: TestBroker): void {
    for (const [name, topic] of this.#topics) {
      const found = this.#readAll(broker, name);
      for (const [offset, value] of topic.values) expect(found[offset]).toBe(value);
      const acknowledged = [...topic.values.values()];
      expect(found.filter((value) => value !== "unheard")).toEqual(acknowledged);
      this.#verifyCommitted(broker, name, topic.committed);
    }
    for (const member of this.#members) if (member.memberEpoch > 0) this.#beat(broker, member);
  }

  #verifyCommitted(broker: TestBroker, name: string, committed: number): void {
    if (committed === -1) return;
    this.#findCoordinator(broker);
    const ask = () =>
      broker.asker.quietly(offsetFetch, 7, {
        groupId: GROUP,
        topics: [{ name, partitionIndexes: [0] }],
      });
    // While the coordinator loads, it says so.
    broker.wait(broker.asker.until(async () => (await ask()).errorCode === 0));
    const answer = broker.wait(ask());
    expect(answer.topics[0]?.partitions[0]?.committedOffset).toBe(committed);
  }

  /** The values by offset, which must be without a gap. */
  #readAll(broker: TestBroker, name: string): string[] {
    const values: string[] = [];
    for (;;) {
      const answer = broker.wait(
        broker.asker.quietly(fetch, 12, {
          maxWaitMs: 0,
          minBytes: 1,
          topics: [
            {
              topic: name,
              partitions: [
                { partition: 0, fetchOffset: values.length, partitionMaxBytes: 1 << 20 },
              ],
            },
          ],
          forgottenTopicsData: [],
        }),
      );
      const partition = answer.responses[0]?.partitions[0];
      expect(partition?.errorCode).toBe(0);
      const bytes = partition!.records ?? Buffer.alloc(0);
      if (bytes.length === 0) return values;
      for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
        for (const record of readRecords(bytes, at)) {
          expect(record.offset).toBe(values.length);
          values.push(record.value!.toString());
        }
      }
    }
  }

  #someTopic(): string {
    const names = [...this.#topics.keys()];
    return names[this.#random.below(names.length)]!;
  }
}

function powerLoss(random: FakeRandom): (world: FakeWorld) => FakeWorld {
  const keep = random.chance(0.5) ? "random" : "none";
  return (world) => afterPowerLoss(world, keep);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
