import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { from, GroupDriver, plan, subscription } from "./group-driver.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe("DescribeGroups", () => {
  test("shows metadata and assignments of a stable group", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1, { clientId: "app", clientHost: "/10.1.2.3" });
    expect(driver.describe()).toEqual({
      errorCode: 0,
      errorMessage: null,
      groupId: "g",
      groupState: "Stable",
      protocolType: "consumer",
      protocolData: "range",
      members: [
        {
          memberId: leader!,
          groupInstanceId: null,
          clientId: "app",
          clientHost: "/10.1.2.3",
          memberMetadata: subscription(["t1"]),
          memberAssignment: Buffer.from(`for ${leader}`),
        },
      ],
    });
  });

  test("shows no protocol and no metadata while the group rebalances", () => {
    const driver = new GroupDriver().start();
    const [leader, other] = driver.stableGroup(2);
    driver.join({ memberId: leader! });
    const preparing = driver.describe();
    expect(preparing).toMatchObject({ groupState: "PreparingRebalance", protocolData: "" });
    expect(preparing.members.map(({ memberMetadata }) => memberMetadata.length)).toEqual([0, 0]);
    expect(preparing.members[0]!.memberAssignment.length).toBeGreaterThan(0);
    driver.join({ memberId: other! });
    expect(driver.describe()).toMatchObject({ groupState: "CompletingRebalance" });
  });

  test("of a group that does not exist is dead, and an error from version 6 on", () => {
    const driver = new GroupDriver().start();
    expect(driver.describe("x", 5)).toMatchObject({
      errorCode: 0,
      errorMessage: null,
      groupState: "Dead",
      members: [],
    });
    expect(driver.describe("x", 6)).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group x not found.",
      groupState: "Dead",
    });
  });

  test("of several groups answers in their order, each for itself", () => {
    const driver = new GroupDriver({ partitionCount: 50 });
    const partition = driver.coordinator.runtime.partitionFor("g");
    driver.coordinator.runtime.elected(partition, 1, driver.log);
    driver.clock.settle();
    driver.commitNow({ offsets: { t1: { 0: 1 } } });
    const request = { groups: ["other", "g"], includeAuthorizedOperations: false };
    const { groups } = driver.now(driver.coordinator.describeGroups(request, from(6)));
    expect(
      groups.map(({ groupId, errorCode, groupState }) => [groupId, errorCode, groupState]),
    ).toEqual([
      ["other", ErrorCode.NOT_COORDINATOR, ""],
      ["g", 0, "Empty"],
    ]);
  });
});

describe("ListGroups", () => {
  function many(): GroupDriver {
    const driver = new GroupDriver().start();
    driver.commitNow({ groupId: "simple", offsets: { t1: { 0: 1 } } });
    driver.stableGroup(1, { groupId: "stable" });
    driver.joinTwice({ groupId: "preparing" });
    return driver;
  }

  test("shows all groups with state and type", () => {
    const driver = many();
    const all = driver.coordinator.listGroups({ statesFilter: [], typesFilter: [] });
    const { groups, errorCode } = driver.now(all);
    expect(errorCode).toBe(0);
    expect(groups).toEqual([
      { groupId: "simple", protocolType: "", groupState: "Empty", groupType: "classic" },
      { groupId: "stable", protocolType: "consumer", groupState: "Stable", groupType: "classic" },
      {
        groupId: "preparing",
        protocolType: "consumer",
        groupState: "PreparingRebalance",
        groupType: "classic",
      },
    ]);
  });

  test("is filtered by state and by type, whatever their case", () => {
    const driver = many();
    expect(driver.list(["stable"])).toEqual(["stable"]);
    expect(driver.list([" EMPTY ", "PreparingRebalance"])).toEqual(["preparing", "simple"]);
    expect(driver.list(["nonsense"])).toEqual([]);
    expect(driver.list([], ["Classic"])).toHaveLength(3);
    expect(driver.list([], ["consumer"])).toEqual([]);
    expect(driver.list([], ["nonsense", "classic"])).toHaveLength(3);
    expect(driver.list(["Stable"], ["consumer"])).toEqual([]);
  });

  test("fails while one of the partitions is loading, and leaves out those of other nodes", () => {
    const driver = many();
    const loading = driver.log.reopened();
    loading.holdsReads = true;
    driver.coordinator.runtime.elected(1, 1, loading);
    const list = () =>
      driver.now(driver.coordinator.listGroups({ statesFilter: [], typesFilter: [] }));
    expect(list()).toEqual({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, groups: [] });
    driver.coordinator.runtime.resigned(1, 2);
    expect(list().groups).toHaveLength(3);
  });
});

describe("DeleteGroups", () => {
  test("forgets groups without members, with their offsets", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ groupId: "simple", offsets: { t1: { 0: 1 }, t2: { 5: 1 } } });
    const [member] = driver.stableGroup(1, { groupId: "left" });
    driver.leave([{ memberId: member! }], { groupId: "left" });
    driver.stableGroup(1, { groupId: "stable" });
    expect(driver.delete("simple", "left", "stable", "x", "simple")).toEqual({
      simple: 0,
      left: 0,
      stable: ErrorCode.NON_EMPTY_GROUP,
      x: ErrorCode.GROUP_ID_NOT_FOUND,
    });
    expect(driver.list()).toEqual(["stable"]);
    expect(driver.offsets("simple")).toEqual({});
    const again = driver.restarted();
    expect(again.list()).toEqual(["stable"]);
    expect(again.offsets("simple")).toEqual({});
  });

  test("of a group that waits for a member with an id sends that member away", () => {
    const driver = new GroupDriver().start();
    const { memberId } = driver.join().value;
    expect(driver.delete("g")).toEqual({ g: 0 });
    expect(driver.join({ memberId }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    driver.clock.advance(60_000);
    expect(driver.list()).toEqual([]);
  });

  test("with more offsets than fit into one batch is done all the same", () => {
    const driver = new GroupDriver().start();
    const partitions = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, 1]));
    driver.commitNow({ offsets: { t1: partitions } });
    driver.log.batchSizeMax = 2_000;
    expect(driver.delete("g")).toEqual({ g: 0 });
    expect(driver.restarted().list()).toEqual([]);
  });
});

describe("offsets expire", () => {
  test("of a simple group by the time of their commit, and the group with the last of them", () => {
    const driver = new GroupDriver({ config: { offsetsRetentionMinutes: 60 } }).start();
    driver.commitNow({ offsets: { t1: { 0: 1 } } });
    driver.clock.advance(30 * MINUTE);
    driver.commitNow({ offsets: { t1: { 1: 1 } } });
    driver.clock.advance(40 * MINUTE);
    expect(driver.offsets()).toEqual({ "t1-1": 1 });
    expect(driver.list()).toEqual(["g"]);
    driver.clock.advance(30 * MINUTE);
    expect(driver.list()).toEqual([]);
    expect(driver.restarted().list()).toEqual([]);
  });

  test("of an empty group by the time since it is empty", () => {
    const driver = new GroupDriver({ config: { offsetsRetentionMinutes: 60 } }).start();
    const [memberId] = driver.stableGroup(1);
    driver.commitNow({
      memberId: memberId!,
      generationIdOrMemberEpoch: 1,
      offsets: { t1: { 0: 1 } },
    });
    for (let beat = 0; beat < 1_000; beat++) {
      driver.clock.advance(9_000);
      driver.heartbeat(memberId!);
    }
    // Two and a half hours: a member subscribes to it, so it stays.
    expect(driver.offsets()).toEqual({ "t1-0": 1 });
    driver.leave([{ memberId: memberId! }]);
    driver.clock.advance(59 * MINUTE);
    expect(driver.offsets()).toEqual({ "t1-0": 1 });
    driver.clock.advance(11 * MINUTE);
    expect(driver.offsets()).toEqual({});
    expect(driver.list()).toEqual([]);
  });

  test("of topics that a stable group of consumers does not read any more", () => {
    const driver = new GroupDriver({ config: { offsetsRetentionMinutes: 60 } }).start();
    driver.commitNow({ offsets: { t1: { 0: 1 }, t2: { 0: 2 } } });
    const [memberId] = driver.stableGroup(1, {
      protocols: [{ name: "range", metadata: subscription(["t1"]) }],
    });
    for (let beat = 0; beat < 500; beat++) {
      driver.clock.advance(9_000);
      driver.heartbeat(memberId!);
    }
    expect(driver.offsets()).toEqual({ "t1-0": 1 });
  });

  test("never while a group of another protocol type has members", () => {
    const driver = new GroupDriver({ config: { offsetsRetentionMinutes: 60 } }).start();
    driver.commitNow({ offsets: { t1: { 0: 1 } } });
    const [memberId] = driver.stableGroup(1, { protocolType: "connect" });
    for (let beat = 0; beat < 500; beat++) {
      driver.clock.advance(9_000);
      driver.heartbeat(memberId!);
    }
    expect(driver.offsets()).toEqual({ "t1-0": 1 });
  });

  test("at the time that the commit names, in versions 2 to 4, also after a restart", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ apiVersion: 4, retentionTimeMs: 30 * MINUTE, offsets: { t1: { 0: 1 } } });
    driver.commitNow({ apiVersion: 4, retentionTimeMs: 30 * DAY, offsets: { t1: { 1: 1 } } });
    driver.commitNow({ apiVersion: 4, retentionTimeMs: 2 ** 63, offsets: { t1: { 2: 1 } } });
    driver.clock.advance(29 * MINUTE);
    expect(Object.keys(driver.offsets())).toHaveLength(3);
    const again = driver.restarted();
    again.clock.advance(11 * MINUTE);
    expect(again.offsets()).toEqual({ "t1-1": 1, "t1-2": 1 });
    again.clock.advance(30 * DAY);
    expect(again.offsets()).toEqual({ "t1-2": 1 });
  });

  test("after offsets.retention.minutes, looked for at offsets.retention.check.interval.ms", () => {
    const driver = new GroupDriver({
      config: { offsetsRetentionMinutes: 1, offsetsRetentionCheckIntervalMs: 1_000 },
    }).start();
    driver.commitNow({ offsets: { t1: { 0: 1 } } });
    driver.clock.advance(59_999);
    expect(driver.offsets()).toEqual({ "t1-0": 1 });
    driver.clock.advance(1);
    expect(driver.offsets()).toEqual({});
  });
});

describe("an empty group without offsets", () => {
  test("is forgotten at the next look", () => {
    const driver = new GroupDriver().start();
    const [memberId] = driver.stableGroup(1);
    driver.leave([{ memberId: memberId! }]);
    expect(driver.list()).toEqual(["g"]);
    driver.clock.advance(10 * MINUTE);
    expect(driver.list()).toEqual([]);
  });

  test("is kept for a member that has an id and is about to join", () => {
    const driver = new GroupDriver({
      config: { groupMaxSessionTimeoutMs: DAY, offsetsRetentionCheckIntervalMs: MINUTE },
    }).start();
    const { memberId } = driver.join({ sessionTimeoutMs: 3 * MINUTE }).value;
    driver.clock.advance(2 * MINUTE);
    expect(driver.join({ memberId, sessionTimeoutMs: 3 * MINUTE }).isAnswered).toBe(false);
  });
});

describe("a restart", () => {
  test("keeps generation, members and assignments; sessions begin anew", () => {
    const driver = new GroupDriver().start();
    const [leader, other] = driver.stableGroup(2);
    driver.clock.advance(9_000);
    const again = driver.restarted();
    expect(again.describe()).toEqual(driver.describe());
    again.clock.advance(9_999);
    expect(again.heartbeat(leader!)).toBe(ErrorCode.NONE);
    expect(again.sync({ memberId: other! }).value.assignment).toEqual(Buffer.from(`for ${other}`));
    again.clock.advance(1);
    expect(again.heartbeat(leader!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("during a rebalance goes back to the generation before", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    for (const memberId of ids) driver.join({ memberId });
    expect(driver.describe().groupState).toBe("CompletingRebalance");
    const again = driver.restarted();
    expect(again.describe().groupState).toBe("Stable");
    expect(again.heartbeat(ids[0]!, 2)).toBe(ErrorCode.ILLEGAL_GENERATION);
    const joins = ids.map((memberId) => again.join({ memberId }));
    expect(joins.map((join) => join.isAnswered)).toEqual([true, true]);
  });

  test("of a group that lost its last member keeps it empty, and since when", () => {
    const driver = new GroupDriver({ config: { offsetsRetentionMinutes: 60 } }).start();
    const [memberId] = driver.stableGroup(1);
    driver.commitNow({
      memberId: memberId!,
      generationIdOrMemberEpoch: 1,
      offsets: { t1: { 0: 1 } },
    });
    driver.leave([{ memberId: memberId! }]);
    driver.clock.advance(50 * MINUTE);
    const again = driver.restarted();
    expect(again.describe()).toMatchObject({ groupState: "Empty", protocolType: "consumer" });
    again.clock.advance(10 * MINUTE);
    expect(again.offsets()).toEqual({});
  });
});

describe("the log fails", () => {
  test("while the leader's plan is written: members look for the coordinator, and go on", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    const joins = ids.map((memberId) => driver.join({ memberId }));
    expect(joins.map((join) => join.value.generationId)).toEqual([2, 2]);
    driver.log.commitsAtOnce = false;
    const syncs = ids.map((memberId, index) =>
      driver.sync({ memberId, generationId: 2, assignments: index === 0 ? plan(ids) : [] }),
    );
    expect(syncs.map((sync) => sync.isAnswered)).toEqual([false, false]);
    driver.log.loseUncommitted(ErrorCode.KAFKA_STORAGE_ERROR);
    driver.log.commitsAtOnce = true;
    const lost = ErrorCode.NOT_COORDINATOR;
    expect(syncs.map((sync) => sync.value.errorCode)).toEqual([lost, lost]);
    // What the log has is the generation before.
    expect(driver.heartbeat(ids[0]!, 2)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(driver.heartbeat(ids[0]!, 1)).toBe(ErrorCode.NONE);
  });

  test("to take the plan: all are told, and join again", () => {
    const driver = new GroupDriver().start();
    const joins = [driver.joinTwice(), driver.joinTwice()];
    driver.clock.advance(6_000);
    const { leader } = joins[0]!.value;
    const ids = joins.map((join) => join.value.memberId);
    const follower = ids.find((id) => id !== leader)!;
    const waiting = driver.sync({ memberId: follower });
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    const lead = driver.sync({ memberId: leader, assignments: plan(ids) });
    const gone = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect([waiting.value.errorCode, lead.value.errorCode]).toEqual([gone, gone]);
    expect(driver.heartbeat(follower)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    driver.log.refused = ErrorCode.NONE;
    const again = ids.map((memberId) => driver.join({ memberId }));
    expect(again.map((join) => join.value.generationId)).toEqual([2, 2]);
  });

  test("to take a plan that is larger than a batch may be: UNKNOWN_SERVER_ERROR, as in Kafka", () => {
    const driver = new GroupDriver().start();
    driver.log.batchSizeMax = 2_000;
    const join = driver.joinTwice();
    driver.clock.advance(3_000);
    const { memberId } = join.value;
    const assignments = [{ memberId, assignment: Buffer.alloc(2_000) }];
    const sync = driver.sync({ memberId, assignments });
    expect(sync.value.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(driver.describe().groupState).toBe("PreparingRebalance");
  });

  test("to take that a static member is back: it keeps its former id", () => {
    const driver = new GroupDriver().start();
    const join = driver.join({ groupInstanceId: "a" });
    driver.clock.advance(3_000);
    const { memberId } = join.value;
    driver.sync({ groupInstanceId: "a", memberId, assignments: plan([memberId]) });
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    const back = driver.join({ groupInstanceId: "a" });
    expect(back.value.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    driver.log.refused = ErrorCode.NONE;
    expect(driver.heartbeat(memberId, 1, { groupInstanceId: "a" })).toBe(ErrorCode.NONE);
  });

  test("to take a commit: nothing is committed", () => {
    const driver = new GroupDriver().start();
    driver.log.refused = ErrorCode.KAFKA_STORAGE_ERROR;
    expect(driver.commitNow({ offsets: { t1: { 0: 1 } } })).toEqual({
      "t1-0": ErrorCode.NOT_COORDINATOR,
    });
    driver.log.refused = ErrorCode.NONE;
    expect(driver.offsets()).toEqual({});
  });

  test("to take a commit that is larger than a batch may be: nothing of it is committed", () => {
    const driver = new GroupDriver().start();
    driver.log.batchSizeMax = 1_000;
    const partitions = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, 1]));
    const errors = new Set(Object.values(driver.commitNow({ offsets: { t1: partitions } })));
    expect([...errors]).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR]);
    expect(driver.offsets()).toEqual({});
  });
});

describe("answers wait for the log", () => {
  test("of a commit, and of what was read after it", () => {
    const driver = new GroupDriver().start();
    driver.log.commitsAtOnce = false;
    const commit = driver.commit({ offsets: { t1: { 0: 7 } } });
    const fetch = driver.fetch("g");
    const fetchStable = driver.fetch("g", null, { requireStable: true });
    expect([commit.isAnswered, fetch.isAnswered, fetchStable.isAnswered]).toEqual([
      false,
      false,
      false,
    ]);
    driver.log.commit();
    expect([commit.isAnswered, fetchStable.isAnswered]).toEqual([true, true]);
    expect(fetch.value.groups![0]!.topics[0]!.partitions[0]!.committedOffset).toBe(7);
  });

  test("no longer than offsets.commit.timeout.ms; OffsetFetch says it in its own way", () => {
    const driver = new GroupDriver().start();
    driver.log.commitsAtOnce = false;
    const commit = driver.commit({ offsets: { t1: { 0: 7 } } });
    const fetch = driver.fetch("g");
    driver.clock.advance(5_000);
    expect(commit.value.topics[0]!.partitions[0]!.errorCode).toBe(
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
    );
    expect(fetch.value.groups![0]!.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });
});

describe("a coordinator that is not ready", () => {
  test("says so in each response's own way while it loads", () => {
    const before = new GroupDriver().start();
    before.stableGroup(1);
    const driver = new GroupDriver({ log: before.log.reopened() });
    driver.log.holdsReads = true;
    driver.start();
    const loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    expect(driver.join().value.errorCode).toBe(loading);
    expect(driver.sync({ memberId: "x" }).value.errorCode).toBe(loading);
    // The member may go on: its session begins anew when the group is loaded.
    expect(driver.heartbeat("x")).toBe(ErrorCode.NONE);
    expect(driver.leave([{ memberId: "x" }])).toMatchObject({ errorCode: loading, members: [] });
    expect(driver.commitNow({ offsets: { t1: { 0: 1 } } })).toEqual({ "t1-0": loading });
    expect(driver.fetch("g").value.groups).toEqual([
      { groupId: "g", topics: [], errorCode: loading },
    ]);
    const old = driver.fetch("g", { t1: [0] }, { apiVersion: 1 }).value;
    expect(old.errorCode).toBe(0);
    expect(old.topics![0]!.partitions[0]).toMatchObject({
      committedOffset: -1,
      errorCode: loading,
    });
    expect(driver.describe()).toMatchObject({ errorCode: loading, groupState: "" });
    expect(driver.delete("g")).toEqual({ g: loading });
    driver.log.releaseReads();
    driver.clock.settle();
    expect(driver.describe().groupState).toBe("Stable");
  });

  test("is not there: NOT_COORDINATOR; has stopped: COORDINATOR_NOT_AVAILABLE", () => {
    const driver = new GroupDriver();
    expect(driver.join().value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(driver.heartbeat("x")).toBe(ErrorCode.NOT_COORDINATOR);
    driver.start();
    const { memberId } = driver.join().value;
    const waiting = driver.join({ memberId });
    driver.coordinator.stop();
    expect(waiting.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    const gone = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(driver.join().value.errorCode).toBe(gone);
    expect(driver.heartbeat("x")).toBe(gone);
    const list = driver.coordinator.listGroups({ statesFilter: [], typesFilter: [] });
    expect(driver.now(list).errorCode).toBe(gone);
    driver.coordinator.runtime.elected(0, 5, driver.log);
    expect(driver.clock.timerCount).toBe(0);
  });

  test("that loses the partition answers who waits to join and to sync", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(3);
    const joins = ids.map((memberId) => driver.join({ memberId }));
    expect(joins.every((join) => join.isAnswered)).toBe(true);
    const sync = driver.sync({ memberId: ids[1]!, generationId: 2 });
    driver.coordinator.runtime.resigned(0, 2);
    expect(sync.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });
});
