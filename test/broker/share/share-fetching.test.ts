/** Share groups on the leader of a partition, with a persister that a test owns. */
import { describe, expect, test } from "bun:test";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import type {
  ShareFetchLimits,
  ShareRead,
} from "../../../src/broker/share/share-fetch-operation.ts";
import { ShareFetching } from "../../../src/broker/share/share-fetching.ts";
import type { ShareError } from "../../../src/broker/share/share-error.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { baseOffset } from "../../../src/protocol/record-batch.ts";
import { startBroker, type TestBroker } from "../../api/broker-kit.ts";
import { append, makeTopic } from "../../api/scenarios/prepare.ts";
import { MergingShareState } from "./merging-share-state.ts";
import { TestConnection } from "./test-connection.ts";

const ACCEPT = 1;
const RELEASE = 2;
const LOCK_MS = 30_000;

class ShareKit {
  readonly broker: TestBroker = startBroker();
  readonly state: MergingShareState;
  readonly fetching: ShareFetching;
  readonly topicId: string;

  constructor() {
    const { world, node } = this.broker;
    this.state = new MergingShareState(world.clock, world.random.fork());
    this.topicId = this.broker.wait(makeTopic(this.broker.asker, "t"));
    this.fetching = new ShareFetching({
      world,
      settings: node.settings,
      configsOf: () => new Map([["share.auto.offset.reset", "earliest"]]),
      persister: () => this.state,
    });
  }

  /** One batch of so many records. */
  append(count: number): void {
    const timestamps = Array.from({ length: count }, (_, index) => index);
    this.broker.wait(append(this.broker.asker, "t", 0, { timestamps }));
  }

  fetch(
    memberId: string,
    changes: Partial<ShareFetchLimits> = {},
    connection = new TestConnection(1),
  ) {
    const limits = {
      memberId,
      maxWaitMs: 5000,
      minBytes: 1,
      maxBytes: 1 << 20,
      recordsMax: 500,
      batchSize: 500,
      isStrict: false,
      isolationLevel: 0,
      ...changes,
    };
    const name = { topicId: this.topicId, partition: 0, topic: "t", mustTell: false };
    const partition = this.broker.node.partitions.find("t", 0);
    const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const asked = [{ name, partition, errorCode }];
    const waiting = this.fetching.fetch("g", asked, limits, connection);
    const fetch = new Fetch();
    void waiting.then(({ reads, failed }) => {
      fetch.isOver = true;
      fetch.reads = reads;
      fetch.error = failed[0]?.error ?? null;
    });
    this.settle();
    return fetch;
  }

  acknowledge(memberId: string, first: number, last: number, type = ACCEPT): ShareError | null {
    const name = { topicId: this.topicId, partition: 0, topic: "t" };
    const batch = { firstOffset: first, lastOffset: last, acknowledgeTypes: [type] };
    return this.broker.wait(this.fetching.acknowledge("g", memberId, name, [batch]));
  }

  session(memberId: string, connection: TestConnection): void {
    const partitions = [{ topicId: this.topicId, partition: 0, topic: "t" }];
    const request = { groupId: "g", memberId, epoch: 0, partitions, forgotten: [] };
    this.fetching.sessions.resolve({ ...request, hasAcknowledgements: false }, connection);
  }

  settle(ms = 0): void {
    this.broker.world.clock.advance(ms);
  }
}

class Fetch {
  isOver = false;
  reads: ShareRead[] = [];
  error: ShareError | null = null;

  /** First and last offsets, and how often they were delivered; the slice is given back. */
  ranges(): (readonly [number, number, number])[] {
    const ranges = this.reads.flatMap((read) => read.ranges);
    for (const { slice } of this.reads) slice?.release();
    return ranges.map(({ firstOffset, lastOffset, deliveryCount }) => [
      firstOffset,
      lastOffset,
      deliveryCount,
    ]);
  }
}

describe("a fetch that waits", () => {
  test("ends when there is a record, and takes it", () => {
    const kit = new ShareKit();
    const fetch = kit.fetch("a");
    expect(fetch.isOver).toBe(false);
    kit.append(3);
    kit.settle();
    expect(fetch.ranges()).toEqual([[0, 2, 1]]);
  });

  test("ends when its time is up, with nothing", () => {
    const kit = new ShareKit();
    const fetch = kit.fetch("a", { maxWaitMs: 100 });
    kit.settle(99);
    expect(fetch.isOver).toBe(false);
    kit.settle(1);
    expect([fetch.isOver, fetch.ranges()]).toEqual([true, []]);
  });

  test("waits for as many bytes as it asks for", () => {
    const kit = new ShareKit();
    kit.append(1);
    const fetch = kit.fetch("a", { minBytes: 400 });
    for (let batch = 0; batch < 4; batch++) {
      expect(fetch.isOver).toBe(false);
      kit.append(3);
      kit.settle();
    }
    expect(fetch.ranges()).toEqual([[0, 12, 1]]);
  });

  test("ends when another member gives records back, leaves, or is too slow", () => {
    const kit = new ShareKit();
    const connection = new TestConnection(7);
    kit.session("a", connection);
    kit.session("b", new TestConnection(8));
    kit.append(4);
    expect(kit.fetch("a").ranges()).toEqual([[0, 3, 1]]);
    const released = kit.fetch("b");
    expect(kit.acknowledge("a", 1, 1, RELEASE)).toBeNull();
    kit.settle();
    expect(released.ranges()).toEqual([[1, 1, 2]]);
    const left = kit.fetch("b");
    connection.close();
    kit.settle();
    expect(left.ranges()).toEqual([
      [0, 0, 2],
      [2, 3, 2],
    ]);
    const late = kit.fetch("c", { maxWaitMs: 2 * LOCK_MS });
    kit.settle(LOCK_MS - 1);
    expect(late.isOver).toBe(false);
    kit.settle(1);
    expect(late.ranges()).toEqual([[0, 3, 3]]);
  });

  test("takes nothing once its client is gone", () => {
    const kit = new ShareKit();
    const connection = new TestConnection(1);
    const fetch = kit.fetch("a", {}, connection);
    connection.close();
    kit.settle();
    expect(fetch.isOver).toBe(true);
    kit.append(2);
    expect(kit.fetch("b").ranges()).toEqual([[0, 1, 1]]);
  });

  test("leaves nothing locked when its client goes while the disk is waited for", () => {
    const kit = new ShareKit();
    kit.append(2);
    const connection = new TestConnection(1);
    const { disk, clock } = kit.broker.world;
    disk.later = (callback) => void clock.schedule(10, callback);
    expect(kit.fetch("b").ranges()).toEqual([[0, 1, 1]]);
    expect(kit.acknowledge("b", 0, 1, RELEASE)).toBeNull();
    disk.coldRate = 1;
    const fetch = kit.fetch("a", {}, connection);
    const [sharePartition] = kit.fetching.partitions;
    expect([fetch.isOver, sharePartition?.isFetching]).toEqual([false, true]);
    connection.close();
    disk.coldRate = 0;
    kit.settle(100);
    expect([fetch.isOver, fetch.ranges()]).toEqual([true, []]);
    expect(kit.fetch("b").ranges()).toEqual([[0, 1, 2]]);
  });

  test("ends with others as its partition goes, and leaves nothing behind", () => {
    const kit = new ShareKit();
    kit.append(2);
    const partition = kit.broker.node.partitions.find("t", 0)!;
    const watchers = partition.readable.waitCount;
    expect(kit.fetch("a").ranges()).toEqual([[0, 1, 1]]);
    expect(partition.readable.waitCount).toBe(watchers + 1);
    const fetch = kit.fetch("b", { maxWaitMs: 500 });
    const { asker } = kit.broker;
    const topics = [{ name: "t", topicId: ZERO_UUID }];
    kit.broker.wait(asker.quietly(deleteTopics, 6, { topics, timeoutMs: 5000 }));
    kit.settle(500);
    expect([fetch.isOver, fetch.ranges()]).toEqual([true, []]);
    expect([...kit.fetching.partitions]).toEqual([]);
    expect(partition.readable.waitCount).toBe(watchers);
    expect(kit.acknowledge("a", 0, 1)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(kit.fetch("a").error?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

describe("what is sent", () => {
  test("begins with the batch of the first record, and ends with that of the last", async () => {
    const kit = new ShareKit();
    for (let batch = 0; batch < 5; batch++) kit.append(10);
    const first = kit.fetch("a", { recordsMax: 15 });
    const [sent] = first.reads;
    const bytes = Buffer.from(await sent!.slice!.read());
    expect(baseOffset(bytes, 0)).toBe(0);
    expect(first.ranges()).toEqual([[0, 19, 1]]);
    expect(kit.acknowledge("a", 12, 12, RELEASE)).toBeNull();
    const [again] = kit.fetch("a", { recordsMax: 1 }).reads;
    const other = Buffer.from(await again!.slice!.read());
    expect(baseOffset(other, 0)).toBe(10);
    expect(other.length).toBe(bytes.length / 2);
    again!.slice!.release();
  });

  test("is no more than the client takes, but for the first batch", () => {
    const kit = new ShareKit();
    for (let batch = 0; batch < 5; batch++) kit.append(10);
    expect(kit.fetch("a", { maxBytes: 1 }).ranges()).toEqual([[0, 9, 1]]);
    expect(kit.fetch("a", { maxBytes: 450 }).ranges()).toEqual([[10, 29, 1]]);
  });
});

describe("the state", () => {
  test("is read when the first member comes, and anew when the group was gone", () => {
    const kit = new ShareKit();
    const connection = new TestConnection(3);
    kit.session("a", connection);
    kit.append(4);
    expect(kit.fetch("a").ranges()).toEqual([[0, 3, 1]]);
    expect(kit.acknowledge("a", 0, 1)).toBeNull();
    connection.close();
    kit.settle();
    expect([...kit.fetching.partitions]).toEqual([]);
    expect(kit.fetch("b").ranges()).toEqual([[2, 3, 2]]);
    const reads = kit.state.calls.filter((call) => call.startsWith("read "));
    expect(reads.length).toBeGreaterThanOrEqual(2);
  });

  test("that cannot be read fails the fetch, and is asked for again", () => {
    const kit = new ShareKit();
    kit.append(1);
    kit.state.errorCode = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    const failed = kit.fetch("a", { maxWaitMs: 200 });
    kit.settle(200);
    expect(failed.error?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    kit.state.errorCode = ErrorCode.NONE;
    expect(kit.fetch("a").ranges()).toEqual([[0, 0, 1]]);
  });

  test("that cannot be written leaves the records with their member", () => {
    const kit = new ShareKit();
    kit.append(3);
    expect(kit.fetch("a").ranges()).toEqual([[0, 2, 1]]);
    kit.state.failureRate = 1;
    const error = kit.acknowledge("a", 0, 2);
    expect(error?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    kit.state.failureRate = 0;
    expect(kit.acknowledge("a", 0, 2)).toBeNull();
    kit.append(1);
    expect(kit.fetch("b").ranges()).toEqual([[3, 3, 1]]);
  });

  test("that another has changed is read anew", () => {
    const kit = new ShareKit();
    kit.append(3);
    expect(kit.fetch("a").ranges()).toEqual([[0, 2, 1]]);
    kit.state.errorCode = ErrorCode.FENCED_STATE_EPOCH;
    expect(kit.acknowledge("a", 0, 2)?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect([...kit.fetching.partitions]).toEqual([]);
    kit.state.errorCode = ErrorCode.NONE;
    expect(kit.fetch("b").ranges()).toEqual([[0, 2, 1]]);
    expect(kit.acknowledge("a", 0, 2)?.errorCode).toBe(ErrorCode.INVALID_RECORD_STATE);
  });

  test("that makes no sense is refused", () => {
    const kit = new ShareKit();
    kit.append(3);
    const stateBatches = [{ firstOffset: 1, lastOffset: 2, deliveryState: 9, deliveryCount: 1 }];
    const kept = { stateEpoch: 0, leaderEpoch: 0, startOffset: 0, deliveryCompleteCount: 0 };
    kit.state.states.set(`g ${kit.topicId} 0`, { ...kept, stateBatches });
    const fetch = kit.fetch("a", { maxWaitMs: 100 });
    kit.settle(100);
    expect(fetch.error?.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });
});

test("one member's fetch does not read for two, nor keep the other from the rest", () => {
  const kit = new ShareKit();
  for (let batch = 0; batch < 4; batch++) kit.append(10);
  const both = [kit.fetch("a", { recordsMax: 10 }), kit.fetch("b", { recordsMax: 10 })];
  kit.settle();
  expect(both.map((fetch) => fetch.ranges())).toEqual([[[0, 9, 1]], [[10, 19, 1]]]);
});

test("what was acquired for an answer that is not sent goes back uncounted", () => {
  const kit = new ShareKit();
  kit.append(10);
  const fetch = kit.fetch("a");
  const [sharePartition] = kit.fetching.partitions;
  const ranges = fetch.reads.flatMap((read) => read.ranges);
  sharePartition!.giveBack("a", ranges);
  fetch.ranges();
  expect(kit.fetch("b").ranges()).toEqual([[0, 9, 1]]);
});
