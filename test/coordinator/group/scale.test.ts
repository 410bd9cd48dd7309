/**
 * What one request costs must not grow with how many groups and members there are. Times are
 * compared with a wide margin: a search through all would be hundreds of times slower.
 */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { MARGIN, cost } from "./cost.ts";
import { GroupDriver } from "./group-driver.ts";

/** So many stable groups of so many members; gives their member ids. */
function fill(driver: GroupDriver, groups: number, members: number): string[][] {
  const ids: string[][] = [];
  for (let index = 0; index < groups; index++) {
    ids.push(driver.stableGroup(members, { groupId: `g${index}`, sessionTimeoutMs: 1_800_000 }));
  }
  return ids;
}

function heartbeatCost(driver: GroupDriver, ids: string[][]): number {
  return cost(5, 500, (index) => {
    const group = index % ids.length;
    const memberId = ids[group]![index % ids[group]!.length]!;
    const code = driver.heartbeat(memberId, 1, { groupId: `g${group}` });
    if (code !== ErrorCode.NONE) throw new Error(`heartbeat answered ${code}`);
  });
}

test("a heartbeat and a commit cost the same with 1,000 groups as with one", () => {
  const config = { groupInitialRebalanceDelayMs: 0 };
  const few = new GroupDriver({ config }).start();
  const many = new GroupDriver({ config }).start();
  const fewIds = fill(few, 1, 2);
  const manyIds = fill(many, 1_000, 2);
  expect(heartbeatCost(many, manyIds)).toBeLessThan(heartbeatCost(few, fewIds) * MARGIN);
  const commitCost = (driver: GroupDriver, groups: number): number =>
    cost(5, 200, (index) => {
      driver.commitNow({ groupId: `c${index % groups}`, offsets: { t1: { 0: index } } });
    });
  expect(commitCost(many, 1_000)).toBeLessThan(commitCost(few, 1) * MARGIN);
  // One timer of the clock serves all members of all groups.
  expect(many.clock.timerCount).toBe(1);
});

test("a heartbeat costs the same in a group of 3,000 members as in one of two", () => {
  const config = { groupInitialRebalanceDelayMs: 0 };
  const small = new GroupDriver({ config }).start();
  const large = new GroupDriver({ config }).start();
  const smallIds = fill(small, 1, 2);
  const largeIds = fill(large, 1, 3_000);
  expect(largeIds[0]).toHaveLength(3_000);
  expect(heartbeatCost(large, largeIds)).toBeLessThan(heartbeatCost(small, smallIds) * MARGIN);
});

test("10,000 members join at once, each at the cost of one", () => {
  const driver = new GroupDriver().start();
  const joinCost = (): number => cost(10, 50, () => driver.joinTwice());
  const first = joinCost();
  for (let index = 0; index < 9_000; index++) driver.joinTwice();
  expect(joinCost()).toBeLessThan(first * MARGIN);
  driver.clock.advance(6_000);
  expect(driver.describe()).toMatchObject({ groupState: "CompletingRebalance" });
  expect(driver.describe().members).toHaveLength(10_000);
});
