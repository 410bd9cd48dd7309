import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { GroupDriver, plan } from "./group-driver.ts";

/** A group whose members have joined and not synced yet; the leader first. */
function joined(driver: GroupDriver, count: number, options = {}): string[] {
  const joins = Array.from({ length: count }, () => driver.joinTwice(options));
  driver.clock.advance(6_000);
  const { leader } = joins[0]!.value;
  const ids = joins.map((join) => join.value.memberId);
  return [leader, ...ids.filter((id) => id !== leader)];
}

describe("SyncGroup", () => {
  test("waits for the leader's plan, which gives each member its part", () => {
    const driver = new GroupDriver().start();
    const [leader, a, b] = joined(driver, 3);
    const first = driver.sync({ memberId: a! });
    expect(first.isAnswered).toBe(false);
    const lead = driver.sync({ memberId: leader!, assignments: plan([leader!, a!]) });
    expect(first.value).toEqual({
      errorCode: 0,
      protocolType: "consumer",
      protocolName: "range",
      assignment: Buffer.from(`for ${a}`),
    });
    expect(lead.value.assignment).toEqual(Buffer.from(`for ${leader}`));
    // Whom the plan leaves out has nothing to do, and is told so.
    expect(driver.sync({ memberId: b! }).value).toMatchObject({
      errorCode: 0,
      assignment: Buffer.alloc(0),
    });
    expect(driver.describe().groupState).toBe("Stable");
  });

  test("is refused with a wrong group, member, generation, instance or protocol", () => {
    const driver = new GroupDriver().start();
    const [leader] = joined(driver, 1);
    const memberId = leader!;
    const errorOf = (options: Parameters<GroupDriver["sync"]>[0]): number =>
      driver.sync(options).value.errorCode;
    expect(errorOf({ groupId: "", memberId })).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(errorOf({ groupId: "other", memberId })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(errorOf({ memberId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(errorOf({ memberId, groupInstanceId: "i" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(errorOf({ memberId, generationId: 0 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(errorOf({ memberId, generationId: 2 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    const inconsistent = ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    expect(errorOf({ memberId, protocolType: "connect" })).toBe(inconsistent);
    expect(errorOf({ memberId, protocolName: "sticky" })).toBe(inconsistent);
    expect(errorOf({ memberId, protocolName: null })).toBe(inconsistent);
    expect(errorOf({ memberId, protocolType: null })).toBe(inconsistent);
    expect(errorOf({ memberId, apiVersion: 4, protocolName: null, protocolType: null })).toBe(0);
  });

  test("of a group that is empty again is refused", () => {
    const driver = new GroupDriver().start();
    const [leader] = joined(driver, 1);
    driver.leave([{ memberId: leader! }]);
    expect(driver.sync({ memberId: leader!, generationId: 2 }).value.errorCode).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
  });

  test("in a stable group gives the assignment again", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(2);
    const again = driver.sync({ memberId: leader! });
    expect(again.value.assignment).toEqual(Buffer.from(`for ${leader}`));
  });

  test("while the group prepares a rebalance sends the member to join", () => {
    const driver = new GroupDriver().start();
    const [leader, other] = driver.stableGroup(2);
    driver.join({ memberId: leader! });
    expect(driver.sync({ memberId: other! }).value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("that waits is answered when a new rebalance begins", () => {
    const driver = new GroupDriver().start();
    const [, follower] = joined(driver, 2);
    const sync = driver.sync({ memberId: follower! });
    const fresh = driver.joinTwice();
    expect(sync.value).toMatchObject({
      errorCode: ErrorCode.REBALANCE_IN_PROGRESS,
      protocolType: null,
      protocolName: null,
      assignment: Buffer.alloc(0),
    });
    expect(fresh.isAnswered).toBe(false);
  });

  test("that waits is answered when the member sends another, or leaves", () => {
    const driver = new GroupDriver().start();
    const [, follower] = joined(driver, 2);
    const first = driver.sync({ memberId: follower! });
    const second = driver.sync({ memberId: follower! });
    expect(first.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(second.isAnswered).toBe(false);
    driver.leave([{ memberId: follower! }]);
    expect(second.value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("waits for the leader as long as the rebalance timeout, and keeps the member alive", () => {
    const driver = new GroupDriver().start();
    const options = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000 };
    const [leader, follower] = joined(driver, 2, options);
    const sync = driver.sync({ memberId: follower! });
    // The leader sends heartbeats, and no plan.
    for (let beat = 0; beat < 6; beat++) {
      driver.clock.advance(3_000);
      expect(driver.heartbeat(leader!)).toBe(0);
    }
    expect(sync.isAnswered).toBe(false);
    driver.clock.advance(2_000);
    expect(sync.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const rejoin = driver.join({ memberId: follower!, ...options });
    expect(rejoin.value).toMatchObject({ leader: follower, generationId: 2 });
  });

  test("removes those who do not sync in time from a stable group as well", () => {
    const driver = new GroupDriver().start();
    const options = { sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 };
    const [leader, late] = joined(driver, 2, options);
    driver.sync({ memberId: leader!, assignments: plan([leader!]) });
    driver.clock.advance(20_000);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(driver.heartbeat(late!)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe("Heartbeat", () => {
  test("is refused with a wrong group, member, generation or instance", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1);
    expect(driver.heartbeat(leader!, 1, { groupId: "" })).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(driver.heartbeat(leader!, 1, { groupId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(driver.heartbeat("x")).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(driver.heartbeat(leader!, 2)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(driver.heartbeat(leader!, 1, { groupInstanceId: "i" })).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.NONE);
  });

  test("keeps a member for another session timeout", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1);
    for (let beat = 0; beat < 5; beat++) {
      driver.clock.advance(9_999);
      expect(driver.heartbeat(leader!)).toBe(ErrorCode.NONE);
    }
    driver.clock.advance(10_000);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(driver.describe().groupState).toBe("Empty");
  });

  test("counts before the sync too", () => {
    const driver = new GroupDriver().start();
    const [leader] = joined(driver, 1);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.NONE);
    expect(driver.describe().groupState).toBe("CompletingRebalance");
  });

  test("that does not come costs the member its place, and the others a rebalance", () => {
    const driver = new GroupDriver().start();
    const [leader, silent] = driver.stableGroup(2);
    driver.clock.advance(6_000);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.NONE);
    driver.clock.advance(4_000);
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const rejoin = driver.join({ memberId: leader! });
    expect(rejoin.value.members.map(({ memberId }) => memberId)).toEqual([leader!]);
    expect(driver.heartbeat(silent!)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("that does not come while the others wait lets them go on", () => {
    const driver = new GroupDriver().start();
    const [leader, silent] = driver.stableGroup(2, { rebalanceTimeoutMs: 600_000 });
    const rejoin = driver.join({ memberId: leader!, rebalanceTimeoutMs: 600_000 });
    expect(rejoin.isAnswered).toBe(false);
    driver.clock.advance(10_000);
    expect(rejoin.value).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(driver.heartbeat(silent!, 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("is not expected of a member whose request waits here", () => {
    const driver = new GroupDriver().start();
    const slow = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 100_000 };
    const [leader, other] = driver.stableGroup(2, slow);
    const rejoin = driver.join({ ...slow, memberId: leader! });
    for (let beat = 0; beat < 10; beat++) {
      driver.clock.advance(5_000);
      expect(driver.heartbeat(other!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    expect(rejoin.isAnswered).toBe(false);
    const last = driver.join({ ...slow, memberId: other! });
    expect([rejoin.value.errorCode, last.value.errorCode]).toEqual([0, 0]);
  });
});

describe("LeaveGroup", () => {
  test("of one member begins a rebalance of the others", () => {
    const driver = new GroupDriver().start();
    const [leader, other] = driver.stableGroup(2);
    expect(driver.leave([{ memberId: other!, reason: "done" }])).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      members: [{ memberId: other!, groupInstanceId: null, errorCode: 0 }],
    });
    expect(driver.heartbeat(leader!)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(driver.heartbeat(other!)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("of the last member empties the group, in one generation more", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    driver.leave(ids.map((memberId) => ({ memberId })));
    expect(driver.describe()).toMatchObject({ groupState: "Empty", members: [] });
    const join = driver.joinTwice();
    driver.clock.advance(3_000);
    expect(join.value.generationId).toBe(3);
  });

  test("of the leader makes another one lead", () => {
    const driver = new GroupDriver().start();
    const [leader, other] = driver.stableGroup(2);
    driver.leave([{ memberId: leader! }]);
    expect(driver.join({ memberId: other! }).value.leader).toBe(other!);
  });

  test("of a member that waits to join answers that", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    const rejoin = driver.join({ memberId: ids[0]! });
    driver.leave([{ memberId: ids[0]! }]);
    expect(rejoin.value).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId: "" });
  });

  test("of the one that is late lets the others go on", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    const rejoin = driver.join({ memberId: ids[0]! });
    driver.leave([{ memberId: ids[1]! }]);
    expect(rejoin.value).toMatchObject({ errorCode: 0, generationId: 2 });
  });

  test("of a member that has an id only is accepted", () => {
    const driver = new GroupDriver().start();
    const { memberId } = driver.join().value;
    expect(driver.leave([{ memberId }]).members[0]!.errorCode).toBe(0);
    expect(driver.join({ memberId }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("answers each member for itself", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1);
    const { members, errorCode } = driver.leave([
      { memberId: "x" },
      { memberId: leader!, groupInstanceId: "i" },
      { memberId: leader! },
      { groupInstanceId: "i" },
      {},
    ]);
    expect(errorCode).toBe(0);
    expect(members.map((member) => member.errorCode)).toEqual([
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.NONE,
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.UNKNOWN_MEMBER_ID,
    ]);
  });

  test("of a group that does not exist fails for each member", () => {
    const driver = new GroupDriver().start();
    const { members, errorCode } = driver.leave([{ memberId: "x", groupInstanceId: "i" }]);
    expect(errorCode).toBe(0);
    expect(members).toEqual([
      { memberId: "x", groupInstanceId: "i", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
    ]);
  });

  test("before version 3 has one member, and one error code", () => {
    const driver = new GroupDriver().start();
    const [leader] = driver.stableGroup(1);
    const wrong = driver.leave([{ memberId: "x" }], { apiVersion: 2 });
    expect(wrong).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, members: [] });
    const right = driver.leave([{ memberId: leader! }], { apiVersion: 0 });
    expect(right).toMatchObject({ errorCode: 0, members: [] });
    expect(driver.describe().groupState).toBe("Empty");
  });

  test("needs a group id", () => {
    const driver = new GroupDriver().start();
    const { errorCode } = driver.leave([{ memberId: "x" }], { groupId: "" });
    expect(errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });
});
