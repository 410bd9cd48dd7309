/** Groups that go from one protocol to the other: what waits, what time does, what a restart finds. */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../src/protocol/records/consumer-protocol.ts";
import { encodeVersioned } from "../../../src/protocol/records/frame.ts";
import { ConsumerDriver } from "./consumer-driver.ts";
import { subscription } from "./group-driver.ts";

const CONFIG = { consumerAssignmentIntervalMs: () => 0, groupInitialRebalanceDelayMs: 0 };
const PROTOCOLS = ["range", "sticky"].map((name) => ({ name, metadata: subscription(["t"]) }));

function started(config = {}): ConsumerDriver {
  return new ConsumerDriver({ config: { ...CONFIG, ...config } }).start();
}

function assignment(partitions: readonly number[]): Buffer {
  const assignedPartitions = [{ topic: "t", partitions }];
  return encodeVersioned(consumerProtocolAssignment, 0, { assignedPartitions, userData: null });
}

/** A stable classic group of one member that has all of "t"; gives its id. */
function classicGroup(driver: ConsumerDriver): string {
  const joining = driver.joinTwice({ protocols: PROTOCOLS });
  driver.clock.advance(driver.config.groupInitialRebalanceDelayMs);
  const { memberId } = joining.value;
  const assignments = [{ memberId, assignment: assignment([0, 1, 2, 3]) }];
  driver.sync({ memberId, assignments });
  return memberId;
}

/** A group of the consumer protocol in which a classic member has joined and synced. */
function mixedGroup(driver: ConsumerDriver): string {
  driver.beat();
  const { memberId } = driver.joinTwice({ protocols: PROTOCOLS }).value;
  driver.sync({ memberId, generationId: 3 });
  return memberId;
}

describe("an upgrade", () => {
  test("tells those who wait to join to join anew", () => {
    const driver = started();
    const memberId = classicGroup(driver);
    const second = driver.joinTwice({ protocols: PROTOCOLS });
    const third = driver.join({ memberId: second.isAnswered ? "" : "", protocols: PROTOCOLS });
    expect(third.value.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(second.isAnswered).toBe(false);
    expect(driver.beat().errorCode).toBe(ErrorCode.NONE);
    expect(second.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(driver.memberIds()).toEqual([memberId, "m", second.value.memberId].sort());
    // Whoever had only been given an id joins the new group with it.
    const late = driver.join({ memberId: third.value.memberId, protocols: PROTOCOLS }).value;
    expect(late).toMatchObject({
      errorCode: ErrorCode.NONE,
      generationId: 3,
      protocolName: "range",
    });
  });

  test("keeps what members have, and their sessions", () => {
    const driver = started();
    const memberId = classicGroup(driver);
    driver.beat();
    expect(driver.restarted().describeConsumer()).toEqual(driver.describeConsumer());
    const member = driver.describeConsumer().members.find((each) => each.memberId === memberId)!;
    expect(member.assignment.topicPartitions.map(({ partitions }) => partitions)).toEqual([
      [0, 1, 2, 3],
    ]);
    driver.clock.advance(10_000);
    expect(driver.memberIds()).toEqual(["m"]);
  });

  test("that the log refuses leaves the group classic", () => {
    const driver = started();
    const memberId = classicGroup(driver);
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(driver.beat().errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    driver.log.refused = ErrorCode.NONE;
    expect(driver.heartbeat(memberId)).toBe(ErrorCode.NONE);
    expect(driver.describe().groupState).toBe("Stable");
  });

  test("is refused where the policy has it, as is a downgrade", () => {
    for (const policy of ["downgrade", "disabled"] as const) {
      const driver = started({ groupConsumerMigrationPolicy: policy });
      classicGroup(driver);
      expect(driver.beat().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    }
    const driver = started({ groupConsumerMigrationPolicy: "upgrade" });
    classicGroup(driver);
    driver.beat();
    driver.beat({ memberEpoch: -1 });
    expect(driver.list([], ["consumer"])).toEqual(["g"]);
  });

  test("is refused where the group is too large for the other protocol", () => {
    const driver = started({ groupConsumerMaxSize: 1 });
    const ids = driver.stableGroup(2);
    expect(driver.beat()).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
    expect(driver.heartbeat(ids[0]!)).toBe(ErrorCode.NONE);
  });

  test("takes the protocol that all support where none has been chosen yet", () => {
    const driver = started({ groupInitialRebalanceDelayMs: 3_000 });
    const waiting = driver.joinTwice({ protocols: PROTOCOLS });
    expect(driver.beat().errorCode).toBe(ErrorCode.NONE);
    expect(waiting.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(driver.describeConsumer().members).toHaveLength(2);
  });
});

describe("a classic member in a consumer group", () => {
  test("is removed when it is silent for its own session", () => {
    const driver = started();
    mixedGroup(driver);
    driver.clock.advance(9_999);
    expect(driver.memberIds()).toHaveLength(2);
    driver.clock.advance(1);
    expect(driver.memberIds()).toEqual(["m"]);
  });

  test("is removed when it does not sync in time, or does not join again in time", () => {
    const driver = started();
    driver.beat();
    const options = { protocols: PROTOCOLS, rebalanceTimeoutMs: 15_000, sessionTimeoutMs: 30_000 };
    const { memberId } = driver.joinTwice(options).value;
    driver.clock.advance(15_000);
    expect(driver.memberIds()).toEqual(["m"]);
    const again = driver.joinTwice(options).value;
    driver.sync({ memberId: again.memberId, generationId: again.generationId ?? -1 });
    driver.beat({ memberEpoch: 2, topicPartitions: driver.owned({ t: [0, 1] }) });
    // It has been told: from now on it has the time of a rebalance.
    const beat = () => driver.heartbeat(again.memberId, again.generationId ?? -1);
    expect(beat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    driver.clock.advance(14_000);
    expect(beat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    driver.clock.advance(1_000);
    expect(driver.memberIds()).toEqual(["m"]);
    expect(memberId).not.toBe(again.memberId);
  });

  test("reads other topics and says what it has", () => {
    const driver = started();
    driver.coordinator.topicsChanged(driver.topics.create("u", 2));
    const memberId = mixedGroup(driver);
    const metadata = encodeVersioned(consumerProtocolSubscription, 3, {
      topics: ["u"],
      userData: null,
      ownedPartitions: [
        { topic: "t", partitions: [2] },
        { topic: "gone", partitions: [0] },
      ],
      generationId: 3,
      rackId: "rack",
    });
    const joined = driver.join({ memberId, protocols: [{ name: "range", metadata }] }).value;
    expect(joined).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 4 });
    const member = driver.describeConsumer().members.find((each) => each.memberId === memberId)!;
    expect(member).toMatchObject({ rackId: "rack", subscribedTopicNames: ["u"], memberType: 0 });
    expect(member.assignment.topicPartitions[0]).toMatchObject({
      topicName: "u",
      partitions: [0, 1],
    });
  });
});

describe("a downgrade", () => {
  test("follows when the session of the last consumer is over; members join anew", () => {
    const driver = started();
    const memberId = mixedGroup(driver);
    for (let beats = 0; beats < 9; beats++) {
      driver.clock.advance(5_000);
      driver.heartbeat(memberId, 3);
    }
    expect(driver.list([], ["classic"])).toEqual(["g"]);
    expect(driver.describe()).toMatchObject({ groupState: "PreparingRebalance" });
    expect(driver.heartbeat(memberId, 3)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const joined = driver.join({ memberId, protocols: PROTOCOLS }).value;
    expect(joined).toMatchObject({ generationId: 4, leader: memberId });
  });

  test("leaves a member its protocols, of which the record knows one only", () => {
    const driver = started();
    const memberId = mixedGroup(driver);
    driver.beat({ memberEpoch: -1 });
    const sticky = PROTOCOLS.filter(({ name }) => name === "sticky");
    const second = driver.joinTwice({ protocols: sticky });
    driver.join({ memberId, protocols: PROTOCOLS });
    expect(second.value).toMatchObject({ errorCode: ErrorCode.NONE, protocolName: "sticky" });
  });

  test("is found by a restart, with sessions that begin anew", () => {
    const driver = started();
    const memberId = mixedGroup(driver);
    driver.beat({ memberEpoch: -1 });
    const after = driver.restarted();
    expect(after.describe()).toMatchObject({ groupState: "Stable", protocolData: "range" });
    expect(after.heartbeat(memberId, 3)).toBe(ErrorCode.NONE);
    expect(after.list([], ["consumer"])).toEqual([]);
    after.clock.advance(10_000);
    expect(after.describe().groupState).toBe("Empty");
  });

  test("waits where the group is too large for the classic protocol", () => {
    const driver = started({ groupMaxSize: 0 });
    mixedGroup(driver);
    driver.beat({ memberEpoch: -1 });
    expect(driver.list([], ["consumer"])).toEqual(["g"]);
  });
});
