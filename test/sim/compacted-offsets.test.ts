/**
 * Groups under random commits, plain and transactional, deletions and markers, while the cleaner
 * compacts `__consumer_offsets` behind them: whatever it takes away, a restart finds the groups as
 * they were.
 */
import { expect, test } from "bun:test";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { writeTxnMarkers } from "../../src/protocol/messages/27-write-txn-markers.ts";
import { txnOffsetCommit } from "../../src/protocol/messages/28-txn-offset-commit.ts";
import { deleteGroups } from "../../src/protocol/messages/42-delete-groups.ts";
import { offsetDelete } from "../../src/protocol/messages/47-offset-delete.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { awaitCoordinator } from "../api/scenarios/groups.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { afterKill, fakeWorld } from "./fake-world.ts";

const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  "transaction.partition.verification.enable": "false",
  "log.cleaner.min.cleanable.ratio": "0.01",
  "log.cleaner.delete.retention.ms": "1000",
  "log.cleaner.backoff.ms": "1000",
};
const GROUPS = ["g", "h"];
const PRODUCERS = [100, 101, 102];
const STEPS = 60;
const LIVES = 3;

test.each([1, 2, 3, 4, 5, 6, 7, 8])("groups survive the compaction of their log: %i", (seed) => {
  let world = fakeWorld(seed);
  let before: unknown = null;
  let holes = 0;
  for (let life = 0; life < LIVES; life++) {
    const broker = startBroker(SETTINGS, world);
    if (life === 0) broker.wait(makeTopic(broker.asker, "t", 2));
    broker.wait(awaitCoordinator(broker.asker));
    if (life > 0) expect(stateOf(broker), `seed ${seed} life ${life}`).toEqual(before);
    const groups = new RandomGroups(broker);
    for (let step = 0; step < STEPS; step++) groups.act();
    holes += holesIn(broker);
    before = stateOf(broker);
    world = afterKill(world);
  }
  expect(holes).toBeGreaterThan(20);
});

class RandomGroups {
  readonly #broker: TestBroker;

  constructor(broker: TestBroker) {
    this.#broker = broker;
  }

  act(): void {
    const { world } = this.#broker;
    const roll = world.random.below(100);
    if (roll < 20) this.#commit();
    else if (roll < 50) this.#commitInTransaction();
    else if (roll < 72) this.#end();
    else if (roll < 77) this.#deleteOffsets();
    else if (roll < 80) this.#deleteGroup();
    else if (roll < 90) this.#offsetsLog.roll();
    else world.clock.advance(1000 + world.random.below(5000));
  }

  get #offsetsLog() {
    return this.#broker.node.partitions.find("__consumer_offsets", 0)!.log;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#broker.world.random.below(choices.length)]!;
  }

  #partitions() {
    const committedOffset = this.#broker.world.random.below(1_000_000);
    const partition = (partitionIndex: number) => {
      return { partitionIndex, committedOffset, committedMetadata: "" };
    };
    return this.#pick([[0], [1], [0, 1]]).map(partition);
  }

  #commit(): void {
    const topics = [{ name: "t", partitions: this.#partitions() }];
    const group = { groupId: this.#pick(GROUPS), generationIdOrMemberEpoch: -1, memberId: "" };
    this.#broker.wait(this.#broker.asker.quietly(offsetCommit, 9, { ...group, topics }));
  }

  #commitInTransaction(): void {
    const answer = this.#broker.wait(
      this.#broker.asker.quietly(txnOffsetCommit, 3, {
        transactionalId: "x",
        groupId: this.#pick(GROUPS),
        producerId: this.#pick(PRODUCERS),
        producerEpoch: 0,
        topics: [{ name: "t", partitions: this.#partitions() }],
      }),
    );
    expect(answer.topics[0]!.partitions[0]!.errorCode).toBe(0);
  }

  #end(): void {
    const marker = {
      producerId: this.#pick(PRODUCERS),
      producerEpoch: 0,
      transactionResult: this.#pick([true, true, false]),
      coordinatorEpoch: 0,
      topics: [{ name: "__consumer_offsets", partitionIndexes: [0] }],
    };
    const sent = this.#broker.asker.quietly(writeTxnMarkers, 1, { markers: [marker] });
    expect(this.#broker.wait(sent).markers[0]!.topics[0]!.partitions[0]!.errorCode).toBe(0);
  }

  #deleteOffsets(): void {
    const partitions = this.#pick([[0], [1]]).map((partitionIndex) => ({ partitionIndex }));
    const request = { groupId: this.#pick(GROUPS), topics: [{ name: "t", partitions }] };
    this.#broker.wait(this.#broker.asker.quietly(offsetDelete, 0, request));
  }

  #deleteGroup(): void {
    const request = { groupsNames: [this.#pick(GROUPS)] };
    this.#broker.wait(this.#broker.asker.quietly(deleteGroups, 2, request));
  }
}

/** Committed offsets, and what is pending: also of partitions that have nothing else. */
function stateOf(broker: TestBroker): unknown {
  const topics = [{ name: "t", partitionIndexes: [0, 1] }];
  const ask = (requireStable: boolean) => {
    const groups = GROUPS.map((groupId) => ({ groupId, topics }));
    return broker.wait(broker.asker.quietly(offsetFetch, 9, { groups, requireStable }));
  };
  return [ask(true), ask(false)];
}

/** Offsets of records that the cleaner took away. */
function holesIn(broker: TestBroker): number {
  const { log } = broker.node.partitions.find("__consumer_offsets", 0)!;
  let recordCount = 0;
  for (const segment of log.state.segments.all) {
    const file = segment.log.use();
    const bytes = Buffer.alloc(file.size());
    file.read(bytes, 0, bytes.length, 0);
    for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
      recordCount += header.recordCount(bytes, at);
    }
  }
  return log.logEndOffset - recordCount;
}
