import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { GroupDriver, plan, subscription } from "./group-driver.ts";

const range = { name: "range", metadata: subscription(["t1"]) };
const sticky = { name: "sticky", metadata: subscription(["t1"]) };

describe("JoinGroup is refused", () => {
  test("without a group id", () => {
    const driver = new GroupDriver().start();
    expect(driver.join({ groupId: "" }).value.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });

  test("with a session timeout outside of the bounds", () => {
    const driver = new GroupDriver({
      config: { groupMinSessionTimeoutMs: 100, groupMaxSessionTimeoutMs: 200 },
    }).start();
    for (const [sessionTimeoutMs, expected] of [
      [99, ErrorCode.INVALID_SESSION_TIMEOUT],
      [100, ErrorCode.MEMBER_ID_REQUIRED],
      [200, ErrorCode.MEMBER_ID_REQUIRED],
      [201, ErrorCode.INVALID_SESSION_TIMEOUT],
    ] as const) {
      expect(driver.join({ sessionTimeoutMs }).value.errorCode).toBe(expected);
    }
  });

  test("with a member id that nobody was given", () => {
    const driver = new GroupDriver().start();
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID;
    expect(driver.join({ memberId: "x" }).value).toMatchObject({
      errorCode: unknown,
      memberId: "x",
    });
    driver.stableGroup(1);
    expect(driver.join({ memberId: "x" }).value).toMatchObject({
      errorCode: unknown,
      memberId: "x",
    });
    expect(driver.list()).toEqual(["g"]);
  });

  test("without a protocol, or without a protocol type; the group is there all the same", () => {
    const driver = new GroupDriver().start();
    const inconsistent = ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    expect(driver.join({ protocols: [] }).value.errorCode).toBe(inconsistent);
    expect(driver.join({ protocolType: "" }).value.errorCode).toBe(inconsistent);
    expect(driver.list()).toEqual(["g"]);
  });

  test("with a protocol type or with protocols that the members do not have", () => {
    const driver = new GroupDriver().start();
    driver.stableGroup(2);
    const inconsistent = ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    expect(driver.join({ protocolType: "connect" }).value.errorCode).toBe(inconsistent);
    expect(driver.join({ protocols: [sticky] }).value.errorCode).toBe(inconsistent);
    expect(driver.join({ protocols: [sticky, range] }).value.errorCode).toBe(
      ErrorCode.MEMBER_ID_REQUIRED,
    );
  });

  test("with a null protocol name from version 7 on, and an empty one before", () => {
    const driver = new GroupDriver().start();
    expect(driver.join({ groupId: "", apiVersion: 6 }).value.protocolName).toBe("");
    expect(driver.join({ groupId: "", apiVersion: 7 }).value.protocolName).toBeNull();
  });
});

describe("a new member", () => {
  test("is told to come back with an id from version 4 on", () => {
    const driver = new GroupDriver().start();
    const { errorCode, memberId } = driver.join({ clientId: "app" }).value;
    expect(errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(memberId).toMatch(
      /^app-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const join = driver.join({ memberId });
    expect(join.isAnswered).toBe(false);
    driver.clock.advance(3_000);
    expect(join.value).toEqual({
      errorCode: ErrorCode.NONE,
      generationId: 1,
      protocolType: "consumer",
      protocolName: "range",
      leader: memberId,
      skipAssignment: false,
      memberId,
      members: [{ memberId, groupInstanceId: null, metadata: range.metadata }],
    });
  });

  test("before version 4 is taken in at once", () => {
    const driver = new GroupDriver().start();
    const join = driver.join({ apiVersion: 3 });
    driver.clock.advance(3_000);
    expect(join.value).toMatchObject({ errorCode: 0, generationId: 1 });
  });

  test("of version 0 has its session timeout as rebalance timeout", () => {
    const driver = new GroupDriver().start();
    const old = driver.join({ apiVersion: 0, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: -1 });
    driver.clock.advance(3_000);
    // The group waits for its SyncGroup no longer than that.
    expect(old.value.errorCode).toBe(0);
    driver.clock.advance(9_999);
    expect(driver.describe().groupState).toBe("CompletingRebalance");
    driver.clock.advance(1);
    expect(driver.describe().groupState).toBe("Empty");
  });

  test("that never comes back with its id is forgotten after its session timeout", () => {
    const driver = new GroupDriver().start();
    const { memberId } = driver.join().value;
    driver.clock.advance(10_000);
    expect(driver.join({ memberId }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("that is pending holds up the others no longer than that", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1);
    driver.join({ sessionTimeoutMs: 6_000 });
    const rejoin = driver.join({ memberId: leader! });
    expect(rejoin.isAnswered).toBe(false);
    driver.clock.advance(5_999);
    expect(rejoin.isAnswered).toBe(false);
    driver.clock.advance(1);
    expect(rejoin.value).toMatchObject({ errorCode: 0, generationId: 2 });
  });

  test("that waits for longer than five minutes is let go", () => {
    const driver = new GroupDriver({ config: { groupMaxSessionTimeoutMs: 3_600_000 } }).start();
    const long = { sessionTimeoutMs: 3_600_000, rebalanceTimeoutMs: 3_600_000 };
    driver.stableGroup(1, long);
    const join = driver.joinTwice(long);
    driver.clock.advance(299_999);
    expect(join.isAnswered).toBe(false);
    driver.clock.advance(1);
    expect(join.value).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId: "" });
  });

  test("that repeats its JoinGroup waits with the later one; the earlier one is answered", () => {
    const driver = new GroupDriver().start();
    const { memberId } = driver.join().value;
    const first = driver.join({ memberId });
    const second = driver.join({ memberId });
    expect(first.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    driver.clock.advance(6_000);
    expect(second.value.errorCode).toBe(0);
  });
});

describe("the first rebalance", () => {
  test("waits for group.initial.rebalance.delay.ms", () => {
    const driver = new GroupDriver().start();
    const join = driver.joinTwice();
    driver.clock.advance(2_999);
    expect(join.isAnswered).toBe(false);
    driver.clock.advance(1);
    expect(join.isAnswered).toBe(true);
  });

  test("waits once more while members come, up to the rebalance timeout", () => {
    const driver = new GroupDriver().start();
    const joins = [driver.joinTwice({ rebalanceTimeoutMs: 7_000 })];
    for (let round = 0; round < 2; round++) {
      driver.clock.advance(2_000);
      joins.push(driver.joinTwice({ rebalanceTimeoutMs: 7_000 }));
      driver.clock.advance(1_000);
      expect(joins.some((join) => join.isAnswered)).toBe(false);
    }
    // 3,000 + 3,000 + 1,000: then the rebalance timeout is used up.
    driver.clock.advance(999);
    expect(joins.some((join) => join.isAnswered)).toBe(false);
    driver.clock.advance(1);
    expect(joins.map((join) => join.value.generationId)).toEqual([1, 1, 1]);
    expect(new Set(joins.map((join) => join.value.leader)).size).toBe(1);
    expect(joins.map((join) => join.value.members.length).sort()).toEqual([0, 0, 3]);
  });

  test("with a delay of 0 ends at once", () => {
    const driver = new GroupDriver({ config: { groupInitialRebalanceDelayMs: 0 } }).start();
    const join = driver.joinTwice();
    driver.clock.advance(0);
    expect(join.value.generationId).toBe(1);
  });
});

describe("a member that joins again", () => {
  test("with nothing new, and not as leader, gets the present generation", () => {
    const driver = new GroupDriver().start();
    const [leader, follower] = driver.stableGroup(2);
    const answer = driver.join({ memberId: follower! }).value;
    expect(answer).toMatchObject({ errorCode: 0, generationId: 1, leader, members: [] });
    expect(driver.describe().groupState).toBe("Stable");
  });

  test("as leader begins a rebalance", () => {
    const driver = new GroupDriver().start();
    const [leader, follower] = driver.stableGroup(2);
    const rejoin = driver.join({ memberId: leader! });
    expect(rejoin.isAnswered).toBe(false);
    expect(driver.describe().groupState).toBe("PreparingRebalance");
    expect(driver.heartbeat(follower!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const other = driver.join({ memberId: follower! });
    expect(rejoin.value).toMatchObject({ generationId: 2, leader });
    expect(other.value).toMatchObject({ generationId: 2, leader });
  });

  test("with other metadata begins a rebalance, from Stable and from CompletingRebalance", () => {
    const driver = new GroupDriver().start();
    const [leader, follower] = driver.stableGroup(2);
    const changed = [{ name: "range", metadata: subscription(["t2"]) }];
    const first = driver.join({ memberId: follower!, protocols: changed });
    expect(first.isAnswered).toBe(false);
    driver.join({ memberId: leader! });
    expect(first.value.generationId).toBe(2);
    // The generation waits for its SyncGroups; the follower changes again.
    const sync = driver.sync({ memberId: leader!, generationId: 1 });
    expect(sync.value.errorCode).toBe(ErrorCode.ILLEGAL_GENERATION);
    const second = driver.join({ memberId: follower!, protocols: [range] });
    expect(driver.describe().groupState).toBe("PreparingRebalance");
    driver.join({ memberId: leader! });
    expect(second.value.generationId).toBe(3);
  });

  test("with nothing new while the others sync gets the same answer again", () => {
    const driver = new GroupDriver().start();
    const joins = [driver.joinTwice(), driver.joinTwice()];
    driver.clock.advance(6_000);
    const answers = joins.map((join) => join.value);
    for (const { memberId, ...rest } of answers) {
      expect(driver.join({ memberId }).value).toEqual({ memberId, ...rest });
    }
    expect(driver.describe().groupState).toBe("CompletingRebalance");
  });

  test("does not wait for those who are late longer than the rebalance timeout", () => {
    const driver = new GroupDriver().start();
    const slow = { sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 40_000 };
    const [leader, late] = driver.stableGroup(2, slow);
    const rejoin = driver.join({ ...slow, memberId: leader! });
    driver.clock.advance(39_999);
    expect(rejoin.isAnswered).toBe(false);
    driver.clock.advance(1);
    expect(rejoin.value.members.map(({ memberId }) => memberId)).toEqual([leader!]);
    expect(driver.heartbeat(late!, 1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("leads when the leader is late", () => {
    const driver = new GroupDriver().start();
    const slow = { sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 40_000 };
    const [, follower] = driver.stableGroup(2, slow);
    const changed = [{ name: "range", metadata: subscription(["t2"]) }];
    const rejoin = driver.join({ ...slow, memberId: follower!, protocols: changed });
    driver.clock.advance(40_000);
    expect(rejoin.value).toMatchObject({ leader: follower, generationId: 2 });
  });
});

describe("a group of group.max.size members", () => {
  test("takes in nobody else", () => {
    const driver = new GroupDriver({ config: { groupMaxSize: 2 } }).start();
    const [leader] = driver.stableGroup(2);
    const refused = driver.join().value;
    expect(refused).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: "" });
    expect(driver.join({ memberId: leader! }).isAnswered).toBe(false);
  });

  test("counts those who wait while it rebalances: the last to come back is turned away", () => {
    const big = new GroupDriver().start();
    const ids = big.stableGroup(3);
    const driver = big.restarted({ config: { groupMaxSize: 2 } });
    expect(driver.describe().groupState).toBe("PreparingRebalance");
    const joins = ids.map((memberId) => driver.join({ memberId }));
    expect(joins.map((join) => join.isAnswered)).toEqual([false, false, true]);
    expect(joins[2]!.value.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    driver.clock.advance(60_000);
    expect(joins.slice(0, 2).map((join) => join.value.errorCode)).toEqual([0, 0]);
    expect(driver.describe().members).toHaveLength(2);
  });

  test("turns away whoever has an id and comes too late with it", () => {
    const driver = new GroupDriver({ config: { groupMaxSize: 1 } }).start();
    const [first, second] = [driver.join().value.memberId, driver.join().value.memberId];
    driver.join({ memberId: first });
    expect(driver.join({ memberId: second }).value.errorCode).toBe(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
    );
  });
});

describe("the protocol", () => {
  function elected(...preferences: string[][]): string | null {
    const driver = new GroupDriver().start();
    const joins = preferences.map((names) =>
      driver.joinTwice({ protocols: names.map((name) => ({ name, metadata: range.metadata })) }),
    );
    driver.clock.advance(10_000);
    return joins[0]!.value.protocolName;
  }

  test("is the one that most members prefer among those that all support", () => {
    expect(elected(["a", "b"], ["b", "a"], ["b", "a"])).toBe("b");
    expect(elected(["a", "b"], ["b", "a"], ["c", "a"])).toBe("a");
    expect(elected(["c", "a"], ["c", "b", "a"], ["a"])).toBe("a");
  });

  test("between equals is the first of a Java HashMap, as in Kafka", () => {
    expect(elected(["range", "sticky"], ["sticky", "range"])).toBe("sticky");
    expect(elected(["sticky", "range"], ["range", "sticky"])).toBe("sticky");
    expect(elected(["roundrobin", "range"], ["range", "roundrobin"])).toBe("range");
  });

  test("changes when members leave that held it back", () => {
    const driver = new GroupDriver().start();
    const both = driver.joinTwice({ protocols: [sticky, range] });
    const one = driver.joinTwice({ protocols: [range] });
    driver.clock.advance(10_000);
    expect(both.value.protocolName).toBe("range");
    driver.leave([{ memberId: one.value.memberId }]);
    const again = driver.join({ memberId: both.value.memberId, protocols: [sticky, range] });
    expect(again.value.protocolName).toBe("sticky");
  });

  test("named twice by a member counts once", () => {
    expect(elected(["a", "a"], ["b", "a"])).toBe("a");
  });
});

test("a group may be joined with another protocol type when it is empty again", () => {
  const driver = new GroupDriver().start();
  const [only] = driver.stableGroup(1);
  driver.leave([{ memberId: only! }]);
  expect(driver.describe()).toMatchObject({ groupState: "Empty", protocolType: "consumer" });
  const join = driver.joinTwice({ protocolType: "connect", protocols: [sticky] });
  driver.clock.advance(3_000);
  expect(join.value).toMatchObject({ generationId: 3, protocolType: "connect" });
});

test("what a member sends is kept as it was, though the request's bytes are used again", () => {
  const driver = new GroupDriver().start();
  const bytes = Buffer.from(range.metadata);
  const { memberId } = driver.join().value;
  const join = driver.join({ memberId, protocols: [{ name: "range", metadata: bytes }] });
  bytes.fill(0xff);
  driver.clock.advance(3_000);
  const assignments = plan([memberId]);
  const sync = driver.sync({ memberId, assignments });
  const expected = Buffer.from(assignments[0]!.assignment);
  assignments[0]!.assignment.fill(0xff);
  expect(join.value.members[0]!.metadata).toEqual(range.metadata);
  expect(sync.value.assignment).toEqual(expected);
  expect(driver.describe().members[0]).toMatchObject({
    memberMetadata: range.metadata,
    memberAssignment: expected,
  });
});
