import { describe, expect, test } from "bun:test";
import { LeaderState } from "../../src/partition/leader-state.ts";
import type { PartitionHost } from "../../src/partition/partition-host.ts";
import type { PartitionRegistration } from "../../src/metadata/partition-registration.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeController, TOPIC_ID } from "./replication-model/fake-controller.ts";

const LAG_MAX_MS = 10_000;

describe("the high watermark", () => {
  test("is the least end of all that are in sync, and waits for those not heard of", () => {
    const { leader, log, fetch } = arena({ isr: [1, 2, 3] });
    log.logEndOffset = leader.ownEndOffset = 10;
    expect(leader.committedEnd(log, 0)).toBe(-1);
    fetch(2, 8);
    expect(leader.committedEnd(log, 0)).toBe(-1);
    fetch(3, 5);
    expect(leader.committedEnd(log, 0)).toBe(5);
    fetch(3, 9);
    expect(leader.committedEnd(log, 0)).toBe(8);
  });

  test("is never beyond what counts on the leader itself", () => {
    const { leader, log, fetch } = arena({ isr: [1, 2] });
    log.logEndOffset = 10;
    leader.ownEndOffset = 7;
    fetch(2, 10);
    expect(leader.committedEnd(log, 0)).toBe(7);
  });

  test("does not wait for who is out of sync, unless it is about to join", () => {
    const { leader, log, fetch } = arena({ isr: [1, 2] });
    log.logEndOffset = leader.ownEndOffset = 10;
    fetch(2, 10, 0);
    fetch(3, 4, 0);
    expect(leader.committedEnd(log, 0)).toBe(10);
    // Caught up as of its last fetch: it would not get in if the end always moved on before it.
    fetch(3, 10, 1);
    log.logEndOffset = leader.ownEndOffset = 12;
    fetch(2, 12, 2);
    expect(leader.committedEnd(log, 2)).toBe(10);
    expect(leader.committedEnd(log, 2 + LAG_MAX_MS)).toBe(12);
  });

  test("does not wait for who is fenced and out of sync", () => {
    const { leader, log, fetch, controller } = arena({ isr: [1, 2] });
    fetch(3, 0, 1);
    controller.fence(3);
    log.logEndOffset = leader.ownEndOffset = 5;
    fetch(2, 5, 1);
    expect(leader.committedEnd(log, 1)).toBe(5);
  });

  test("counts who may have been added, and who may not have been taken out (KIP-497)", () => {
    const { leader, log, fetch, expand, shrink } = arena({ isr: [1, 2] });
    fetch(2, 0, 0);
    fetch(3, 0, 0);
    expect(expand(3)?.isr.map(({ brokerId }) => brokerId)).toEqual([1, 2, 3]);
    expect([leader.isr, leader.maximalIsr]).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
    const other = arena({ isr: [1, 2, 3] });
    other.fetch(2, 0, 0);
    other.log.logEndOffset = other.leader.ownEndOffset = 5;
    other.fetch(2, 5, LAG_MAX_MS + 1);
    expect(other.shrink(LAG_MAX_MS + 1)?.isr).toEqual([
      { brokerId: 1, brokerEpoch: 77 },
      { brokerId: 2, brokerEpoch: 101 },
    ]);
    expect(other.leader.maximalIsr).toEqual([1, 2, 3]);
    expect(other.leader.committedEnd(other.log, LAG_MAX_MS + 1)).toBe(-1);
    expect(shrink(LAG_MAX_MS * 9)).toBeNull();
    expect(log.highWatermark).toBe(0);
  });
});

describe("a replica joins the ISR", () => {
  test("that has all from before this leadership, and all that is committed", () => {
    const { log, fetch, expand, leader } = arena({ isr: [1] }, 6);
    log.logEndOffset = leader.ownEndOffset = 9;
    log.highWatermark = 3;
    fetch(2, 5);
    expect(expand(2)).toBeNull();
    log.highWatermark = 7;
    fetch(2, 6);
    expect(expand(2)).toBeNull();
    fetch(2, 7);
    expect(expand(2)).not.toBeNull();
  });

  test("one at a time", () => {
    const { fetch, expand } = arena({ isr: [1] });
    fetch(2, 0);
    fetch(3, 0);
    expect(expand(2)).not.toBeNull();
    expect(expand(3)).toBeNull();
    expect(expand(2)).toBeNull();
  });

  test("that is neither fenced, nor stops, nor has started anew since its fetch (KIP-903)", () => {
    const { fetch, expand, controller } = arena({ isr: [1] });
    fetch(2, 0, 0, 99);
    expect(expand(2)).toBeNull();
    fetch(2, 0, 0, controller.brokerEpoch(2));
    controller.fence(2);
    expect(expand(2)).toBeNull();
    controller.unfence(2);
    const broker = controller.cluster.broker(2)!;
    controller.cluster.brokers.set(2, { ...broker, inControlledShutdown: true });
    expect(expand(2)).toBeNull();
    controller.cluster.brokers.set(2, broker);
    expect(expand(2)).not.toBeNull();
    fetch(3, 0, 0, -1);
    const other = arena({ isr: [1] });
    other.fetch(3, 0, 0, -1);
    // It is too old to say which incarnation it is.
    expect(other.expand(3)?.isr.at(-1)).toEqual({ brokerId: 3, brokerEpoch: -1 });
  });
});

describe("a replica leaves the ISR", () => {
  test("when it has not caught up for too long", () => {
    const { leader, log, fetch, shrink } = arena({ isr: [1, 2, 3] });
    log.logEndOffset = leader.ownEndOffset = 5;
    fetch(2, 5, 1000);
    fetch(3, 4, 1000);
    expect(shrink(LAG_MAX_MS)).toBeNull();
    expect(shrink(LAG_MAX_MS + 1)?.isr.map(({ brokerId }) => brokerId)).toEqual([1, 2]);
  });

  test("not while it is at the end, however long nothing has come", () => {
    const { leader, log, fetch, shrink } = arena({ isr: [1, 2] });
    log.logEndOffset = leader.ownEndOffset = 5;
    fetch(2, 5, 0);
    expect(shrink(LAG_MAX_MS * 100)).toBeNull();
  });

  test("not while it gets each time to where the end was before", () => {
    const { leader, log, fetch, shrink } = arena({ isr: [1, 2] });
    let nowMs = 0;
    for (let end = 10; end < 200; end += 10) {
      log.logEndOffset = leader.ownEndOffset = end;
      nowMs += LAG_MAX_MS / 3;
      fetch(2, end - 10, nowMs);
      expect(shrink(nowMs)).toBeNull();
    }
  });

  test("but for the leader, if nobody has been heard of", () => {
    const { shrink } = arena({ isr: [1, 2, 3] });
    expect(shrink(LAG_MAX_MS)).toBeNull();
    expect(shrink(LAG_MAX_MS + 1)?.isr).toEqual([{ brokerId: 1, brokerEpoch: 77 }]);
  });
});

describe("an answer of the controller", () => {
  test("settles the ISR, with what it says", () => {
    const { leader, fetch, expand, registration } = arena({ isr: [1, 2] });
    fetch(3, 0);
    const proposal = expand(3)!;
    const answer = { leaderEpoch: 0, partitionEpoch: 1, leaderRecoveryState: 0, isr: [1, 3] };
    const accepted = { errorCode: ErrorCode.NONE, ...answer };
    expect(leader.answered(proposal, { ...accepted, leaderEpoch: 1 }, registration)).toBe("wait");
    expect(leader.answered(proposal, accepted, registration)).toBe("changed");
    expect([leader.isr, leader.maximalIsr, leader.proposal]).toEqual([[1, 3], [1, 3], null]);
    // It was answered already.
    expect(leader.answered(proposal, accepted, registration)).toBe("wait");
  });

  test.each([
    [ErrorCode.INELIGIBLE_REPLICA, "none", [1, 2]],
    [ErrorCode.OPERATION_NOT_ATTEMPTED, "none", [1, 2]],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "wait", [1, 2, 3]],
    [ErrorCode.UNKNOWN_TOPIC_ID, "wait", [1, 2, 3]],
    [ErrorCode.FENCED_LEADER_EPOCH, "wait", [1, 2, 3]],
    [ErrorCode.INVALID_UPDATE_VERSION, "wait", [1, 2, 3]],
    [ErrorCode.INVALID_REQUEST, "wait", [1, 2, 3]],
    [ErrorCode.NEW_LEADER_ELECTED, "wait", [1, 2, 3]],
    [ErrorCode.UNKNOWN_SERVER_ERROR, "again", [1, 2, 3]],
  ] as const)("with error %p: %s", (errorCode, outcome, maximal) => {
    const { leader, fetch, expand, registration } = arena({ isr: [1, 2] });
    fetch(3, 0);
    const proposal = expand(3)!;
    expect(leader.answered(proposal, { errorCode }, registration)).toBe(outcome);
    expect(leader.maximalIsr).toEqual([...maximal]);
    expect(leader.proposal === null).toBe(outcome === "none");
  });

  test("counts for nothing when the metadata log was faster", () => {
    const { leader, fetch, expand, registration } = arena({ isr: [1, 2] });
    fetch(3, 0);
    const proposal = expand(3)!;
    leader.update({ ...registration, partitionEpoch: 1, isr: [1] });
    expect(leader.maximalIsr).toEqual([1]);
    const errorCode = ErrorCode.INELIGIBLE_REPLICA;
    expect(leader.answered(proposal, { errorCode }, registration)).toBe("wait");
  });

  test("is still waited for when the metadata log says what it is based upon", () => {
    const { leader, fetch, expand, registration } = arena({ isr: [1, 2] });
    fetch(3, 0);
    const proposal = expand(3)!;
    leader.update(registration);
    expect([leader.proposal, leader.maximalIsr]).toEqual([proposal, [1, 2, 3]]);
    leader.update({ ...registration, leaderEpoch: 1, partitionEpoch: 1 });
    expect([leader.proposal, leader.maximalIsr]).toEqual([null, [1, 2]]);
  });
});

test("the low watermark is the least start of all that are alive", () => {
  const { leader, fetch, controller } = arena({ isr: [1, 2, 3] });
  expect(leader.lowWatermark(5)).toBe(-1);
  fetch(2, 9, 0, 101, 4);
  fetch(3, 9, 0, 102, 2);
  expect(leader.lowWatermark(5)).toBe(2);
  controller.fence(3);
  expect(leader.lowWatermark(5)).toBe(4);
});

test("what a leader knew of a replica is forgotten with the replica", () => {
  const { leader, fetch, registration } = arena({ isr: [1, 2] });
  fetch(2, 0);
  leader.update({ ...registration, replicas: [1, 3], isr: [1], partitionEpoch: 1 });
  expect(leader.follower(2)).toBeNull();
  leader.update({ ...registration, partitionEpoch: 2 });
  expect(leader.follower(2)?.logEndOffset).toBe(-1);
  leader.update({ ...registration, replicas: [1], isr: [1], partitionEpoch: 3 });
  expect(leader.followers).toHaveLength(0);
});

test("a leader that is elected once more knows its followers, but not whether they keep up", () => {
  const { leader, log, fetch, registration, shrink } = arena({ isr: [1, 2, 3] });
  log.logEndOffset = leader.ownEndOffset = 4;
  fetch(2, 4, 0);
  const next = { ...registration, leaderEpoch: 1, partitionEpoch: 1 };
  leader.restart(next, 4, 1000, true);
  expect([leader.epochStartOffset, leader.follower(2)?.logEndOffset]).toEqual([4, 4]);
  expect(shrink(1000 + LAG_MAX_MS)).toBeNull();
  // With others having led in between, it knows nothing of them.
  leader.restart({ ...next, leaderEpoch: 4 }, 4, 1000, false);
  expect([leader.follower(2)?.logEndOffset, leader.follower(2)?.brokerEpoch]).toEqual([-1, null]);
});

function arena(change: Partial<PartitionRegistration>, logEndOffset = 0) {
  const controller = new FakeController(() => {});
  const registration = { ...controller.registration, ...change };
  const host: PartitionHost = {
    nodeId: 1,
    clock: new FakeClock(),
    logs: {
      truncateTo: () => Promise.resolve(false),
      truncateFullyAndStartAt: () => Promise.resolve(),
    },
    isrChanges: { propose: () => new Promise(() => {}) },
    cluster: () => controller.cluster,
    brokerEpoch: () => 77,
    replicaLagTimeMaxMs: () => LAG_MAX_MS,
  };
  const log = { logEndOffset, highWatermark: 0 };
  const identity = { topicId: TOPIC_ID, index: 0 };
  const leader = new LeaderState(host, identity, registration, logEndOffset, 0);
  return {
    controller,
    registration,
    leader,
    log,
    fetch(id: number, offset: number, nowMs = 0, epoch = controller.brokerEpoch(id), start = 0) {
      leader.follower(id)!.fetched(offset, start, epoch, log.logEndOffset, nowMs);
    },
    expand: (id: number) => leader.expand(leader.follower(id)!, log, registration),
    shrink: (nowMs: number) => leader.shrink(log, nowMs, registration),
  };
}
