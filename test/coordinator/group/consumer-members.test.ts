/** Members of groups of the consumer protocol: time, restarts, a log that fails. */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { ConsumerDriver, FakeTopics } from "./consumer-driver.ts";

const AT_ONCE = { consumerAssignmentIntervalMs: () => 0 };

function started(config = {}): ConsumerDriver {
  return new ConsumerDriver({ config: { ...AT_ONCE, ...config } }).start();
}

/** Two members, of which the first has all and is told to give back half. */
function sharing(driver: ConsumerDriver): void {
  expect(driver.beat({ memberId: "m1" }).memberEpoch).toBe(2);
  expect(driver.beat({ memberId: "m2" }).memberEpoch).toBe(3);
  const told = driver.beat({ memberId: "m1", memberEpoch: 2 });
  expect(driver.assigned(told)).toEqual({ t: [0, 1] });
}

describe("time", () => {
  test("removes a member that is silent for its session, and nobody else", () => {
    const driver = started();
    driver.beat({ memberId: "m1" });
    driver.beat({ memberId: "m2" });
    for (let beats = 0; beats < 9; beats++) {
      driver.clock.advance(5_000);
      expect(driver.beat({ memberId: "m2", memberEpoch: 3 }).errorCode).toBe(ErrorCode.NONE);
    }
    expect(driver.memberIds()).toEqual(["m2"]);
    expect(driver.epochs()).toEqual(["Stable", 4, 4]);
    expect(driver.beat({ memberId: "m1", memberEpoch: 2 }).errorCode).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
  });

  test("is what the settings of the group say", () => {
    const driver = started({
      consumerSessionTimeoutMs: (groupId: string) => (groupId === "short" ? 1_000 : 45_000),
      consumerHeartbeatIntervalMs: (groupId: string) => (groupId === "short" ? 300 : 5_000),
    });
    expect(driver.beat({ groupId: "short" }).heartbeatIntervalMs).toBe(300);
    expect(driver.beat({ groupId: "long" }).heartbeatIntervalMs).toBe(5_000);
    driver.clock.advance(1_000);
    expect(driver.memberIds("short")).toEqual([]);
    expect(driver.memberIds("long")).toEqual(["m"]);
  });

  test("removes a member that does not give back its partitions, though it is heard of", () => {
    const driver = started();
    sharing(driver);
    for (let beats = 0; beats < 5; beats++) {
      driver.clock.advance(5_000);
      driver.beat({ memberId: "m1", memberEpoch: 2 });
      driver.beat({ memberId: "m2", memberEpoch: 3 });
    }
    expect(driver.memberIds()).toEqual(["m1", "m2"]);
    driver.clock.advance(5_000);
    expect(driver.memberIds()).toEqual(["m2"]);
    expect(driver.assigned(driver.beat({ memberId: "m2", memberEpoch: 3 }))).toEqual({
      t: [0, 1, 2, 3],
    });
  });

  test("does not matter to a member that has given back in time, or waits for others", () => {
    const driver = started();
    sharing(driver);
    driver.clock.advance(20_000);
    driver.beat({ memberId: "m2", memberEpoch: 3 });
    const topicPartitions = driver.owned({ t: [0, 1] });
    const done = driver.beat({ memberId: "m1", memberEpoch: 2, topicPartitions });
    expect(done.memberEpoch).toBe(3);
    driver.clock.advance(20_000);
    driver.beat({ memberId: "m1", memberEpoch: 3 });
    driver.beat({ memberId: "m2", memberEpoch: 3 });
    driver.clock.advance(20_000);
    expect(driver.memberIds()).toEqual(["m1", "m2"]);
  });

  test("removes a static member that stays away for its session", () => {
    const driver = started();
    driver.beat({ instanceId: "i" });
    expect(driver.beat({ instanceId: "i", memberEpoch: -2 }).memberEpoch).toBe(-2);
    driver.clock.advance(44_999);
    expect(driver.memberIds()).toEqual(["m"]);
    driver.clock.advance(1);
    expect(driver.memberIds()).toEqual([]);
  });

  test("gathers many that join at once into one assignment (KIP-1263)", () => {
    const driver = new ConsumerDriver().start();
    expect(driver.assigned(driver.beat({ memberId: "m1" }))).toEqual({ t: [0, 1, 2, 3] });
    expect(driver.assigned(driver.beat({ memberId: "m2" }))).toEqual({});
    expect(driver.assigned(driver.beat({ memberId: "m3" }))).toEqual({});
    expect(driver.epochs()).toEqual(["Assigning", 4, 2]);
    driver.clock.advance(1_000);
    driver.beat({ memberId: "m2", memberEpoch: 2 });
    expect(driver.epochs()).toEqual(["Reconciling", 4, 4]);
  });
});

describe("a restart", () => {
  test("leaves everything as it was, and begins sessions anew", () => {
    const driver = started();
    sharing(driver);
    driver.clock.advance(20_000);
    const after = driver.restarted();
    expect(after.describeConsumer()).toEqual(driver.describeConsumer());
    after.clock.advance(25_000);
    after.beat({ memberId: "m2", memberEpoch: 3 });
    after.clock.advance(5_000);
    // Its time to give back began anew too, and is over now.
    expect(after.memberIds()).toEqual(["m2"]);
  });

  test("keeps a static member's absence, and those who come back get what they had", () => {
    const driver = started();
    driver.beat({ memberId: "m1", instanceId: "i" });
    driver.beat({ memberId: "m1", instanceId: "i", memberEpoch: -2 });
    const after = driver.restarted();
    const back = after.beat({ memberId: "m2", instanceId: "i" });
    expect(after.assigned(back)).toEqual({ t: [0, 1, 2, 3] });
    // No epoch is needed for it: nothing has changed for anybody.
    expect(after.epochs()).toEqual(["Stable", 2, 2]);
    const fenced = after.beat({ memberId: "m1", instanceId: "i", memberEpoch: 2 });
    expect(fenced.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
  });

  test("finds the whole of a change or nothing of it, wherever the log ends", () => {
    const driver = started();
    sharing(driver);
    driver.beat({ memberId: "m1", memberEpoch: -1 });
    driver.beat({ memberId: "m2", memberEpoch: 3 });
    const whole = driver.log.batches.length;
    for (let count = 0; count <= whole; count++) {
      const cut = new ConsumerDriver({ topics: driver.topics, config: AT_ONCE });
      for (const batch of driver.log.batches.slice(0, count)) cut.log.write(batch);
      cut.start();
      // The group goes on from there: somebody new gets all that nobody has.
      for (let beats = 0; beats < 12; beats++) {
        cut.clock.advance(10_000);
        const [member] = cut
          .describeConsumer()
          .members.filter(({ memberId }) => memberId === "new");
        const memberEpoch = member?.memberEpoch ?? 0;
        cut.beat({ memberId: "new", memberEpoch });
      }
      const { members } = cut.describeConsumer();
      expect(members).toHaveLength(1);
      expect(members[0]!.assignment.topicPartitions).toEqual([
        { topicId: cut.topics.idOf("t")!, topicName: "t", partitions: [0, 1, 2, 3] },
      ]);
    }
  });
});

describe("a log", () => {
  test("that refuses leaves the group as it was", () => {
    const driver = started();
    driver.beat({ memberId: "m1" });
    const before = driver.describeConsumer();
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(driver.beat({ memberId: "m2" }).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    // What writes nothing is answered.
    expect(driver.beat({ memberId: "m1", memberEpoch: 2 }).errorCode).toBe(ErrorCode.NONE);
    driver.log.refused = ErrorCode.NONE;
    expect(driver.describeConsumer()).toEqual(before);
  });

  test("that loses what it took is read again", () => {
    const driver = started();
    driver.beat({ memberId: "m1" });
    driver.log.commitsAtOnce = false;
    const joining = driver.beating({ memberId: "m2" });
    expect(joining.isAnswered).toBe(false);
    driver.log.loseUncommitted(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(joining.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    driver.log.commitsAtOnce = true;
    expect(driver.memberIds()).toEqual(["m1"]);
  });

  test("that is still read answers nobody", () => {
    const before = started();
    before.beat();
    const driver = new ConsumerDriver({ log: before.log.reopened(), topics: before.topics });
    driver.log.holdsReads = true;
    driver.start();
    expect(driver.beat({ memberEpoch: 2 }).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(driver.describeConsumer().errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    driver.log.releaseReads();
    driver.clock.settle();
    expect(driver.beat({ memberEpoch: 2 }).errorCode).toBe(ErrorCode.NONE);
  });

  test("that is too small for one batch takes a large assignment in several", () => {
    const driver = started();
    driver.log.batchSizeMax = 20_000;
    const memberIds = Array.from({ length: 1_500 }, (_, index) => `member-${index}`);
    const topics = driver.topics.grow("t", 2_000);
    driver.coordinator.topicsChanged(topics);
    const slow = new ConsumerDriver({ topics: driver.topics, log: driver.log }).start();
    for (const memberId of memberIds) slow.beat({ memberId });
    slow.clock.advance(1_000);
    expect(slow.beat({ memberId: "last" }).errorCode).toBe(ErrorCode.NONE);
    slow.clock.advance(1);
    expect(slow.epochs()[1]).toBe(slow.epochs()[2]);
    expect(slow.restarted().describeConsumer()).toEqual(slow.describeConsumer());
    // Where the end of it is lost, the next assignment gives no partition to two members.
    for (let lost = 1; lost <= 4; lost++) {
      const cut = new ConsumerDriver({ topics: slow.topics, config: AT_ONCE });
      for (const batch of slow.log.batches.slice(0, -lost)) cut.log.write(batch);
      cut.start();
      expect(cut.beat({ memberId: "another" }).errorCode).toBe(ErrorCode.NONE);
      cut.clock.advance(1);
      const targets = cut
        .describeConsumer()
        .members.flatMap(({ targetAssignment }) =>
          targetAssignment.topicPartitions.flatMap(({ partitions }) => [...partitions]),
        );
      expect(targets).toHaveLength(2_000);
      expect(new Set(targets).size).toBe(2_000);
    }
  });
});

describe("topics", () => {
  test("that grow, come or go lead to a new epoch at the next heartbeat", () => {
    const driver = started();
    const names = { subscribedTopicNames: ["t", "u"] };
    driver.beat(names);
    const beat = (memberEpoch: number) => driver.beat({ memberEpoch, topicPartitions: [] });
    driver.coordinator.topicsChanged(driver.topics.grow("t", 5));
    expect(driver.assigned(beat(2))).toEqual({ t: [0, 1, 2, 3, 4] });
    driver.coordinator.topicsChanged(driver.topics.create("u", 1));
    expect(driver.assigned(beat(3))).toEqual({ t: [0, 1, 2, 3, 4], u: [0] });
    driver.coordinator.topicsChanged(driver.topics.delete("t"));
    expect(driver.assigned(beat(4))).toEqual({ u: [0] });
    // The same name again is another topic.
    driver.coordinator.topicsChanged(driver.topics.create("t", 1));
    expect(driver.assigned(beat(5))).toEqual({ t: [0], u: [0] });
    expect(driver.epochs()).toEqual(["Stable", 6, 6]);
  });

  test("that have lost partitions with the power leave no member what is not there", () => {
    const driver = started();
    driver.coordinator.topicsChanged(driver.topics.grow("t", 8));
    driver.beat({ memberId: "m1" });
    driver.beat({ memberId: "m2" });
    driver.topics.grow("t", 3);
    const after = driver.restarted();
    for (let beats = 0; beats < 3; beats++) {
      for (const { memberId, memberEpoch } of after.describeConsumer().members) {
        after.beat({ memberId, memberEpoch, topicPartitions: [] });
      }
    }
    const assigned = after
      .describeConsumer()
      .members.flatMap(({ assignment }) =>
        assignment.topicPartitions.flatMap(({ partitions }) => [...partitions]),
      );
    expect(assigned.sort()).toEqual([0, 1, 2]);
  });

  test("that nobody in the group reads change nothing", () => {
    const driver = started();
    driver.beat();
    driver.coordinator.topicsChanged(driver.topics.create("other", 3));
    expect(driver.beat({ memberEpoch: 2 }).memberEpoch).toBe(2);
    expect(driver.epochs()).toEqual(["Stable", 2, 2]);
  });

  test("in other racks lead to a new epoch (KIP-1101)", () => {
    const driver = started();
    driver.beat();
    driver.topics.racks.set("t", ["a"]);
    driver.coordinator.topicsChanged({ names: ["t"], hasNew: false });
    expect(driver.beat({ memberEpoch: 2 }).memberEpoch).toBe(3);
  });

  test("changed while the log was read count at the first heartbeat", () => {
    const driver = started();
    driver.beat();
    driver.topics.grow("t", 6);
    const after = driver.restarted();
    expect(after.assigned(after.beat({ memberEpoch: 2 }))).toEqual({ t: [0, 1, 2, 3, 4, 5] });
  });
});

describe("offsets", () => {
  const commit = (driver: ConsumerDriver, memberId: string, epoch: number, apiVersion = 9) =>
    driver.commitNow({
      memberId,
      generationIdOrMemberEpoch: epoch,
      offsets: { t: { 0: 1 } },
      apiVersion,
    })["t-0"];

  test("are committed in the epoch of the member, or in one since which it has the partition", () => {
    const driver = new ConsumerDriver({
      config: AT_ONCE,
      topics: new FakeTopics({ t: 2, u: 1 }),
    }).start();
    driver.beat();
    expect(commit(driver, "m", 2)).toBe(ErrorCode.NONE);
    driver.beat({ memberEpoch: 2, subscribedTopicNames: ["t", "u"] });
    expect(commit(driver, "m", 3)).toBe(ErrorCode.NONE);
    expect(commit(driver, "m", 2)).toBe(ErrorCode.NONE);
    expect(commit(driver, "m", 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(driver, "m", 4)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(driver, "m", 3, 8)).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(commit(driver, "nobody", 3)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("of topics that nobody reads expire, and with the last an empty group goes", () => {
    const driver = started({ offsetsRetentionMinutes: 10 });
    driver.beat();
    commit(driver, "m", 2);
    for (let minutes = 0; minutes < 30; minutes++) {
      driver.clock.advance(60_000 - 30_000);
      driver.beat({ memberEpoch: 2 });
      driver.clock.advance(30_000);
      driver.beat({ memberEpoch: 2 });
    }
    expect(driver.offsets()).toEqual({ "t-0": 1 });
    driver.beat({ memberEpoch: -1 });
    driver.clock.advance(1_800_000);
    expect(driver.offsets()).toEqual({});
    expect(driver.list()).toEqual([]);
    expect(driver.restarted().list()).toEqual([]);
  });
});
