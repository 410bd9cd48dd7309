/** A leader and its followers, each with a log of its own, hand in hand. */
import { describe, expect, test } from "bun:test";
import { LinkedNode } from "../../src/base/linked-list.ts";
import type { Waker } from "../../src/base/signal.ts";
import type { EpochEnd } from "../../src/log/leader-epochs.ts";
import {
  type FollowerFetch,
  type PartitionRead,
  readableEnd,
  readAsFollower,
  READ_LOG_END,
  readPartition,
} from "../../src/partition/fetch-read.ts";
import type { FollowerAppend } from "../../src/partition/follower-state.ts";
import { truncationOffset } from "../../src/partition/follower-state.ts";
import type { PartitionRegistration } from "../../src/metadata/partition-registration.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { batchOf } from "../log/log-fixture.ts";
import { deadWorlds } from "../log/manager-fixture.ts";
import { fakeWorld, neighbourOf } from "../sim/fake-world.ts";
import { FakeController } from "./replication-model/fake-controller.ts";
import { type PendingProposal, ReplicaNode } from "./replication-model/replica-node.ts";

describe("a follower", () => {
  test("gets all, its high watermark behind the leader's, and commits by asking for more", () => {
    const { leader, follower, produce, follow } = pair();
    produce(3);
    expect(leader.log.highWatermark).toBe(0);
    expect(follow(2)).toMatchObject({ errorCode: 0 });
    expect([follower.log.logEndOffset, follower.log.highWatermark]).toEqual([3, 0]);
    follow(2);
    follow(3);
    expect(leader.log.highWatermark).toBe(0);
    follow(3);
    expect([leader.log.highWatermark, follower.log.highWatermark]).toEqual([3, 0]);
    follow(2);
    expect(follower.log.highWatermark).toBe(3);
  });

  test("takes neither what clients send nor what was answered under another leadership", () => {
    const { follower, leader, produce, ask, change } = pair();
    expect(follower.produceError(false)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    produce(1);
    const answer = ask(2);
    change({ leaderEpoch: 1 });
    expect(answer(2)).toMatchObject({ errorCode: ErrorCode.FENCED_LEADER_EPOCH });
    change({ leader: 2, leaderEpoch: 2 });
    expect(answer(2)).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    expect(follower.log.logEndOffset).toBe(0);
    expect([follower.isLeader, leader.isLeader]).toEqual([true, false]);
  });

  test("takes an answer once", () => {
    const { follower, produce, ask } = pair();
    produce(2);
    const answer = ask(2);
    expect(answer(2)).toMatchObject({ errorCode: 0 });
    expect(answer(2)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(follower.log.logEndOffset).toBe(2);
  });

  test("begins its log where the leader's does, also in the middle of a batch", () => {
    const { leader, follower, produce, follow, settle } = pair();
    leader.append(batchOf({ count: 4 }), { origin: "client", nowMs: 1 });
    produce(1);
    for (const id of [2, 3, 2, 3]) follow(id);
    follow(2);
    expect(leader.log.advanceLogStartOffset(2)).toBe(0);
    follow(2);
    expect(follower.log.logStartOffset).toBe(2);
    // The third one comes late, and has nothing yet.
    const late = pair();
    late.leader.append(batchOf({ count: 4 }), { origin: "client", nowMs: 1 });
    for (const id of [2, 2, 3, 3]) late.follow(id);
    expect(late.leader.log.advanceLogStartOffset(2)).toBe(0);
    const { partition } = late.nodes[2]!;
    late.nodes[2]!.logs!.get("topic", 0)!.truncateFullyAndStartAt(0);
    void partition!.alignWith(0, 2, 4);
    late.settle();
    expect([partition!.log.logStartOffset, partition!.log.logEndOffset]).toEqual([2, 2]);
    const taken = late.follow(3);
    late.settle();
    expect(taken).toBeInstanceOf(Promise);
    expect([partition!.log.logStartOffset, partition!.log.logEndOffset]).toEqual([2, 4]);
    settle();
  });

  test("keeps no records of an older leader where those of its leader are deleted", () => {
    const { follower, produce, follow, settle, change } = pair();
    produce(2);
    for (const id of [2, 2]) follow(id);
    change({ leader: 3, leaderEpoch: 1 });
    // It may be that this leader's first record was another one at offset 0 or 1.
    const deleted = { ...emptyAnswer(1, 2), highWatermark: 2, logStartOffset: 2 };
    expect(follower.appendAsFollower(deleted)).toBeInstanceOf(Promise);
    settle();
    const { log } = follower;
    expect([log.firstSegmentBaseOffset, log.latestEpoch]).toEqual([2, -1]);
    expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([2, 2, 2]);
    expect(follower.appendAsFollower(deleted)).toMatchObject({ errorCode: 0 });
  });

  test.each([
    ["its leader has sent", 2, 0],
    ["is committed", 4, 1],
  ])("keeps the files of what %s, though it is deleted", (_what, fetches, leaderEpoch) => {
    const { follower, produce, follow, change } = pair();
    produce(2);
    for (let count = 0; count < fetches; count++) [2, 3].forEach((id) => follow(id));
    expect(follower.log.highWatermark).toBe(leaderEpoch === 0 ? 0 : 2);
    if (leaderEpoch > 0) change({ leader: 3, leaderEpoch });
    const deleted = { ...emptyAnswer(leaderEpoch, 2), highWatermark: 2, logStartOffset: 2 };
    expect(follower.appendAsFollower(deleted)).toMatchObject({ errorCode: 0 });
    expect([follower.log.firstSegmentBaseOffset, follower.log.logStartOffset]).toEqual([0, 2]);
  });

  test("is cut to what an unclean leader has", () => {
    const { follower, produce, follow, settle, change } = pair();
    produce(5);
    for (const id of [2, 3]) follow(id);
    change({ leader: 3, leaderEpoch: 1 });
    void follower.alignWith(1, 0, 3);
    expect(follower.followerPosition()).toBeNull();
    expect(follower.appendAsFollower(emptyAnswer(1, 5))).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
    });
    settle();
    expect(follower.followerPosition()).toEqual({
      leaderId: 3,
      leaderEpoch: 1,
      fetchOffset: 3,
      lastFetchedEpoch: 0,
      logStartOffset: 0,
    });
  });

  test("that is elected while its log is about to be cut keeps all", () => {
    const { follower, nodes, produce, follow, settle, change } = pair();
    produce(30);
    for (let count = 0; count < 40; count++) follow(2);
    // So that the cut has to wait for a checkpoint.
    void follower.log.flush();
    settle();
    void nodes[1]!.logs!.checkpoint("recoveryPoint");
    settle();
    expect(follower.log.state.recoveryPointOnDisk).toBeGreaterThan(5);
    const cut = follower.truncateTo(0, { epoch: 0, endOffset: 5 });
    change({ leader: 2, leaderEpoch: 1 });
    settle();
    expect(follower.log.logEndOffset).toBe(30);
    expect(follower.followerPosition()).toBeNull();
    let errorCode = -2;
    void cut.then((result) => (errorCode = result));
    settle();
    expect(errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test("waits for no leader where there is none", () => {
    const { follower, change } = pair();
    change({ leader: -1, leaderEpoch: 1 });
    expect(follower.followerPosition()).toBeNull();
    expect(follower.beginFollowing(1)).toBeNull();
    expect(follower.appendAsFollower(emptyAnswer(1, 0))).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    });
  });

  test("is read by consumers up to its own high watermark (KIP-392)", () => {
    const { follower, produce, follow } = pair();
    produce(2);
    for (const id of [2, 3, 2, 3]) follow(id);
    produce(1);
    follow(2);
    const { log } = follower;
    expect([log.highWatermark, log.logEndOffset]).toEqual([2, 3]);
    const position = { fetchOffset: 0, currentLeaderEpoch: 0, lastFetchedEpoch: -1 };
    const refused = readPartition(follower, position, 0, 10_000, true) as PartitionRead;
    expect(refused.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const read = readPartition(follower, position, 0, 10_000, true, true) as PartitionRead;
    expect([read.errorCode, read.highWatermark]).toEqual([0, 2]);
    read.slice!.release();
    expect([readableEnd(follower, 0), readableEnd(follower, READ_LOG_END)]).toEqual([2, 3]);
  });
});

describe("who waits at a leader", () => {
  test("is told once of an append, and of what is committed, and not of each fetch", () => {
    const { leader, produce, follow } = pair();
    let moves = 0;
    leader.readable.join(new LinkedNode<Waker>({ wake: () => void moves++ }));
    const movesOf = (work: () => void): number => {
      moves = 0;
      work();
      return moves;
    };
    for (const id of [2, 3]) follow(id);
    expect(movesOf(() => produce(1))).toBe(1);
    // They fetch the record, and say by their next fetch that they have it.
    expect(movesOf(() => [2, 3, 2].forEach((id) => follow(id)))).toBe(0);
    expect(movesOf(() => follow(3))).toBe(1);
    expect(leader.log.highWatermark).toBe(1);
  });
});

describe("a leader refuses a fetch", () => {
  test("of who is no replica, of another epoch, of an incarnation that is gone", () => {
    const { leader, fetchOf } = pair();
    const errorOf = (change: Partial<FollowerFetch>): ErrorCode => {
      return (readAsFollower(leader, { ...fetchOf(2), ...change }, 100, true) as PartitionRead)
        .errorCode;
    };
    expect(errorOf({ replicaId: 9 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(errorOf({ replicaId: 9, currentLeaderEpoch: -1 })).toBe(
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    );
    expect(errorOf({ currentLeaderEpoch: 1 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(errorOf({ brokerEpoch: 5 })).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(errorOf({ brokerEpoch: -1 })).toBe(ErrorCode.NONE);
    expect(errorOf({ fetchOffset: 1 })).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(errorOf({ fetchOffset: -1 })).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("and takes nothing from it: also not when it tells where the logs part", () => {
    const { leader, fetchOf, produce, change } = pair();
    produce(3);
    change({ leaderEpoch: 4 });
    produce(1);
    const fetch = { ...fetchOf(2), fetchOffset: 4, lastFetchedEpoch: 2, currentLeaderEpoch: 4 };
    const read = readAsFollower(leader, fetch, 100, true) as PartitionRead;
    expect(read).toMatchObject({ divergingEpoch: { epoch: 0, endOffset: 3 }, slice: null });
    expect(leader.followers[0]!.logEndOffset).toBe(-1);
  });
});

describe("where a follower cuts its log", () => {
  const own = (epochs: readonly (readonly [number, number])[], logEndOffset: number) => ({
    logEndOffset,
    highWatermark: 2,
    endOffsetFor(epoch: number): EpochEnd {
      const index = epochs.findLastIndex(([known]) => known <= epoch);
      if (index === -1) return { epoch: -1, endOffset: -1 };
      return { epoch: epochs[index]![0], endOffset: epochs[index + 1]?.[1] ?? logEndOffset };
    },
  });

  test.each([
    ["the leader says nothing", [-1, -1], 2],
    ["the leader has no epoch", [-1, 7], 7],
    ["the epoch ends sooner there", [3, 7], 7],
    ["the epoch ends sooner here", [3, 12], 8],
    ["the epoch is the last one here, and longer there", [5, 30], 10],
    ["the epoch is not known here: older ones end before (KIP-279)", [4, 12], 8],
    ["nothing so old is known here", [0, 9], 9],
  ] as const)("when %s", (_when, [epoch, endOffset], expected) => {
    const log = own(
      [
        [1, 0],
        [3, 4],
        [5, 8],
      ],
      10,
    );
    expect(truncationOffset(log, { epoch, endOffset })).toBe(expected);
  });
});

describe("DeleteRecords", () => {
  test("is done when all that are alive have done it", () => {
    const { leader, follower, controller, nodes, produce, follow, settle } = pair();
    produce(4);
    for (const id of [2, 3, 2, 3, 2, 3]) follow(id);
    leader.log.advanceLogStartOffset(3);
    let errorCode = -2;
    void leader.whenDeleted(3, 5000).then((result) => (errorCode = result));
    follow(2);
    follow(2);
    settle();
    expect([follower.log.logStartOffset, leader.lowWatermark, errorCode]).toEqual([3, 0, -2]);
    controller.fence(3);
    nodes[0]!.hear();
    settle();
    expect(errorCode).toBe(ErrorCode.NONE);
  });

  test("ends with its time, or the leadership", () => {
    const { leader, produce, follow, settle, change, nodes } = pair();
    produce(2);
    for (const id of [2, 3, 2, 3]) follow(id);
    leader.log.advanceLogStartOffset(1);
    const errors: ErrorCode[] = [];
    void leader.whenDeleted(1, 100).then((result) => errors.push(result));
    nodes[0]!.world.clock.advance(100);
    void leader.whenDeleted(1, 100).then((result) => errors.push(result));
    change({ leader: 2, leaderEpoch: 1 });
    settle();
    expect(errors).toEqual([ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_LEADER_OR_FOLLOWER]);
  });
});

test("records are committed when the disks of a flushing topic have them", () => {
  const { leader, follower, produce, follow, settle } = pair();
  for (const { log } of [leader, follower]) log.updateConfig({ ...log.config, flushMessages: 1 });
  const result = leader.append(batchOf(), { origin: "client", nowMs: 1 });
  for (const id of [3, 3]) follow(id);
  const taken = follow(2) as FollowerAppend;
  expect(taken.flushed).toBeInstanceOf(Promise);
  follow(2);
  // The followers have it, but the leader may still lose it.
  expect(leader.log.highWatermark).toBe(0);
  void leader.flushed(result);
  settle();
  expect(leader.log.highWatermark).toBe(1);
  expect(() => produce(0)).not.toThrow();
});

test("what was flushed when another leads already may be other records by then", () => {
  const { leader, change, settle } = pair();
  leader.log.updateConfig({ ...leader.log.config, flushMessages: 1 });
  const result = leader.append(batchOf(), { origin: "client", nowMs: 1 });
  const errors: ErrorCode[] = [];
  void leader.flushed(result).then((error) => errors.push(error));
  change({ leader: 2, leaderEpoch: 1 });
  settle();
  expect(errors).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
});

test("a follower whose disk fails has nothing to fetch any more, and nobody waits for it", () => {
  const { follower, nodes, produce, follow, settle } = pair();
  follower.log.updateConfig({ ...follower.log.config, flushMessages: 1 });
  produce(1);
  const { world } = nodes[1]!;
  deadWorlds.add(world);
  world.disk.inject({ operation: "sync", path: /topic-0/, code: "EIO" });
  let isOver = false;
  void (follow(2) as FollowerAppend).flushed!.then(() => (isOver = true));
  settle();
  expect([isOver, follower.log.failure?.code, follower.followerPosition()]).toEqual([
    true,
    "EIO",
    null,
  ]);
  expect(follower.appendAsFollower(emptyAnswer(0, 1))).toMatchObject({
    errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
  });
});

function emptyAnswer(leaderEpoch: number, fetchOffset: number) {
  return {
    leaderEpoch,
    fetchOffset,
    records: Buffer.alloc(0),
    highWatermark: 0,
    logStartOffset: 0,
  };
}

/** Node 1 leads; 2 and 3 follow, and fetch when they are told to. */
function pair() {
  const world = fakeWorld();
  const proposals: PendingProposal[] = [];
  const nodes: ReplicaNode[] = [];
  const controller = new FakeController((news) => {
    for (const node of nodes) node.unheard.push(news);
  });
  for (const id of [1, 2, 3]) {
    nodes.push(
      new ReplicaNode(id, id === 1 ? world : neighbourOf(world, `10.0.0.${id}`), proposals),
    );
  }
  for (const node of nodes) node.start(controller.now);
  const [leader, follower] = [nodes[0]!.partition!, nodes[1]!.partition!];
  const fetchOf = (id: number): FollowerFetch => ({
    ...nodes[id - 1]!.partition!.followerPosition()!,
    currentLeaderEpoch: nodes[id - 1]!.partition!.leaderEpoch,
    replicaId: id,
    brokerEpoch: controller.brokerEpoch(id),
    receivedMs: world.clock.monotonicMs(),
  });
  /** Asks now; what it returns brings the answer to a node. */
  const ask = (id: number) => {
    const { fetchOffset, currentLeaderEpoch } = fetchOf(id);
    const read = readAsFollower(leader, fetchOf(id), 10_000, true) as PartitionRead;
    expect(read.errorCode).toBe(ErrorCode.NONE);
    const records = (read.slice?.read() ?? Buffer.alloc(0)) as Buffer;
    read.slice?.release();
    const { highWatermark, logStartOffset } = read;
    const fetched = { fetchOffset, records, highWatermark, logStartOffset };
    return (to: number) => {
      const { partition } = nodes[to - 1]!;
      return partition!.appendAsFollower({ ...fetched, leaderEpoch: currentLeaderEpoch });
    };
  };
  return {
    nodes,
    controller,
    leader,
    follower,
    fetchOf,
    ask,
    follow: (id: number) => ask(id)(id),
    settle: () => world.clock.settle(),
    produce(count: number): void {
      for (let index = 0; index < count; index++) {
        const appended = leader.append(batchOf(), { origin: "client", nowMs: 1 });
        expect(appended.errorCode).toBe(ErrorCode.NONE);
      }
    },
    change(to: Partial<PartitionRegistration>): void {
      for (const { partition } of nodes) {
        const { registration } = partition!;
        const { partitionEpoch } = registration;
        partition!.update({ ...registration, partitionEpoch: partitionEpoch + 1, ...to });
      }
    },
  };
}
