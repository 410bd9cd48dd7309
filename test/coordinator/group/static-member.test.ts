/** Members that keep their place while they are away for less than a session timeout (KIP-345). */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { GroupDriver, plan, subscription, type JoinOptions } from "./group-driver.ts";

const sticky = { name: "sticky", metadata: subscription(["t1"]) };
const range = { name: "range", metadata: subscription(["t1"]) };

/** A stable group of static members, the leader first. */
function stableStatic(driver: GroupDriver, names: string[], options: JoinOptions = {}) {
  const joins = names.map((groupInstanceId) => driver.join({ ...options, groupInstanceId }));
  driver.clock.advance(10_000);
  const { leader, protocolName } = joins[0]!.value;
  const ids = joins.map((join) => join.value.memberId);
  names.forEach((groupInstanceId, index) => {
    const memberId = ids[index]!;
    const assignments = memberId === leader ? plan(ids) : [];
    driver.sync({ groupInstanceId, memberId, assignments, protocolName });
  });
  expect(driver.describe().groupState).toBe("Stable");
  return { ids, leader };
}

describe("a static member", () => {
  test("is taken in without a second request, under an id that tells its name", () => {
    const driver = new GroupDriver().start();
    const join = driver.join({ groupInstanceId: "blue" });
    driver.clock.advance(3_000);
    expect(join.value.errorCode).toBe(0);
    expect(join.value.memberId).toMatch(/^blue-[0-9a-f-]{36}$/);
    expect(join.value.members).toMatchObject([{ groupInstanceId: "blue" }]);
  });

  test("that comes back has a new id and its old assignment, without a rebalance", () => {
    const driver = new GroupDriver().start();
    const { ids, leader } = stableStatic(driver, ["a", "b"]);
    const back = driver.join({ groupInstanceId: "b" }).value;
    expect(back).toMatchObject({ errorCode: 0, generationId: 1, leader, skipAssignment: false });
    expect(back.members).toEqual([]);
    expect(back.memberId).not.toBe(ids[1]!);
    const sync = driver.sync({ groupInstanceId: "b", memberId: back.memberId });
    expect(sync.value.assignment).toEqual(Buffer.from(`for ${ids[1]}`));
    expect(driver.heartbeat(ids[0]!, 1, { groupInstanceId: "a" })).toBe(ErrorCode.NONE);
    expect(driver.describe().groupState).toBe("Stable");
  });

  test("that led and comes back leads still, and is told not to assign (version 9)", () => {
    const driver = new GroupDriver().start();
    const { ids } = stableStatic(driver, ["a", "b"]);
    const back = driver.join({ groupInstanceId: "a" }).value;
    expect(back).toMatchObject({ leader: back.memberId, skipAssignment: true });
    expect(back.members.map(({ groupInstanceId }) => groupInstanceId).sort()).toEqual(["a", "b"]);
    expect(back.memberId).not.toBe(ids[0]!);
  });

  test("that led and comes back is told of its old id as leader before version 9", () => {
    const driver = new GroupDriver().start();
    const { leader } = stableStatic(driver, ["a", "b"]);
    const back = driver.join({ groupInstanceId: "a", apiVersion: 8 }).value;
    expect(back).toMatchObject({ leader, skipAssignment: false, members: [] });
  });

  test("fences its former self", () => {
    const driver = new GroupDriver().start();
    const { ids } = stableStatic(driver, ["a", "b"]);
    const old = { groupInstanceId: "b", memberId: ids[1]! };
    driver.join({ groupInstanceId: "b" });
    const fenced = ErrorCode.FENCED_INSTANCE_ID;
    expect(driver.heartbeat(old.memberId, 1, old)).toBe(fenced);
    expect(driver.sync(old).value.errorCode).toBe(fenced);
    expect(driver.join(old).value).toMatchObject({ errorCode: fenced, memberId: old.memberId });
    expect(driver.leave([old]).members[0]!.errorCode).toBe(fenced);
    const commit = { ...old, generationIdOrMemberEpoch: 1, offsets: { t1: { 0: 5 } } };
    expect(driver.commitNow(commit)).toEqual({ "t1-0": fenced });
    expect(driver.heartbeat(old.memberId, 1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("fences its former self where that waits to join, and where it waits to sync", () => {
    const driver = new GroupDriver().start();
    const { ids } = stableStatic(driver, ["a", "b"]);
    const waiting = driver.join({ groupInstanceId: "a", memberId: ids[0]! });
    expect(waiting.isAnswered).toBe(false);
    const back = driver.join({ groupInstanceId: "a" });
    expect(waiting.value).toMatchObject({
      errorCode: ErrorCode.FENCED_INSTANCE_ID,
      memberId: ids[0]!,
    });
    driver.join({ groupInstanceId: "b", memberId: ids[1]! });
    const { generationId, leader, memberId } = back.value;
    expect({ generationId, leader }).toEqual({ generationId: 2, leader: memberId });
    const syncing = driver.sync({
      groupInstanceId: "b",
      memberId: ids[1]!,
      generationId: 2,
    });
    const backAgain = driver.join({ groupInstanceId: "b" });
    expect(syncing.value.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    // The leader may be assigning to the former id, so the group begins anew.
    expect(backAgain.isAnswered).toBe(false);
    expect(driver.describe().groupState).toBe("PreparingRebalance");
  });

  test("that would change the protocol begins a rebalance", () => {
    const driver = new GroupDriver().start();
    stableStatic(driver, ["a"], { protocols: [range, sticky] });
    const back = driver.join({ groupInstanceId: "a", protocols: [sticky, range] });
    expect(back.value).toMatchObject({ generationId: 2, protocolName: "sticky" });
  });

  test("is not removed for being late to a rebalance", () => {
    const driver = new GroupDriver().start();
    const options = { sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 };
    const { ids } = stableStatic(driver, ["a", "b"], options);
    const rejoin = driver.join({ ...options, groupInstanceId: "a", memberId: ids[0]! });
    driver.clock.advance(20_000);
    expect(rejoin.value.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(["a", "b"]);
  });

  test("is waited for when nobody has joined, until its session is over", () => {
    const driver = new GroupDriver().start();
    const options = { sessionTimeoutMs: 90_000, rebalanceTimeoutMs: 20_000 };
    stableStatic(driver, ["a", "b"], options);
    driver.leave([{ groupInstanceId: "b" }]);
    driver.clock.advance(79_999);
    // The rebalance timeout has gone by three times over.
    expect(driver.describe()).toMatchObject({ groupState: "PreparingRebalance" });
    expect(driver.describe().members).toHaveLength(1);
    driver.clock.advance(10_001);
    expect(driver.describe()).toMatchObject({ groupState: "Empty", members: [] });
  });

  test("is removed when its session is over", () => {
    const driver = new GroupDriver().start();
    stableStatic(driver, ["a"], { sessionTimeoutMs: 20_000 });
    driver.clock.advance(19_999);
    expect(driver.describe().members).toHaveLength(1);
    driver.clock.advance(1);
    expect(driver.describe()).toMatchObject({ groupState: "Empty", members: [] });
  });

  test("has a new session when it comes back", () => {
    const driver = new GroupDriver().start();
    stableStatic(driver, ["a"], { sessionTimeoutMs: 20_000 });
    driver.clock.advance(15_000);
    driver.join({ groupInstanceId: "a", sessionTimeoutMs: 20_000 });
    driver.clock.advance(19_999);
    expect(driver.describe().members).toHaveLength(1);
    driver.clock.advance(1);
    expect(driver.describe().members).toHaveLength(0);
  });

  test("is removed by an administrator who knows its name only", () => {
    const driver = new GroupDriver().start();
    stableStatic(driver, ["a", "b"]);
    const { members } = driver.leave([{ groupInstanceId: "b" }, { groupInstanceId: "c" }]);
    expect(members.map(({ errorCode }) => errorCode)).toEqual([0, ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(driver.describe().groupState).toBe("PreparingRebalance");
    expect(driver.describe().members.map((member) => member.groupInstanceId)).toEqual(["a"]);
  });

  test("keeps its name in the log, and its assignment", () => {
    const driver = new GroupDriver().start();
    const { ids } = stableStatic(driver, ["a", "b"]);
    const back = driver.join({ groupInstanceId: "b" }).value;
    const again = driver.restarted();
    expect(again.heartbeat(back.memberId, 1, { groupInstanceId: "b" })).toBe(ErrorCode.NONE);
    expect(again.heartbeat(ids[1]!, 1, { groupInstanceId: "b" })).toBe(
      ErrorCode.FENCED_INSTANCE_ID,
    );
    const sync = again.sync({ groupInstanceId: "b", memberId: back.memberId });
    expect(sync.value.assignment).toEqual(Buffer.from(`for ${ids[1]}`));
  });

  test("with an id that nobody knows is refused", () => {
    const driver = new GroupDriver().start();
    stableStatic(driver, ["a"]);
    const join = driver.join({ groupInstanceId: "c", memberId: "c-1" });
    expect(join.value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("does not take an id that was given to a dynamic member", () => {
    const driver = new GroupDriver().start();
    const { memberId } = driver.join().value;
    const join = driver.join({ groupInstanceId: "c", memberId });
    expect(join.value.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });
});
