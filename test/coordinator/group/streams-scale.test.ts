/**
 * What a heartbeat costs must not grow with groups, members and tasks, and many members that join
 * at once are assigned together. Margins are wide, as in scale.test.ts.
 */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { cost, MARGIN } from "./cost.ts";
import { NO_TASKS, StreamsDriver, STATEFUL, streamsConfig } from "./streams-driver.ts";

/** Groups of so many members each, all with what they shall have. */
function filled(groupCount: number, memberCount: number, taskCount = 4): StreamsDriver {
  const streams = streamsConfig({
    sessionTimeoutMs: () => 3_600_000,
    assignmentIntervalMs: () => 1_000,
    standbyCount: () => 1,
  });
  const topics = new FakeTopics({ t: taskCount, c: taskCount });
  const driver = new StreamsDriver({ config: { streams }, topics }).start();
  for (let index = 0; index < memberCount; index++) {
    for (let group = 0; group < groupCount; group++) {
      driver.beat(`m${index}`, { groupId: `g${group}`, topology: STATEFUL });
    }
  }
  driver.clock.advance(1_000);
  for (let round = 0; round < 4; round++) {
    for (let group = 0; group < groupCount; group++) {
      const groupId = `g${group}`;
      for (const { memberId, memberEpoch } of driver.describeStreams(groupId).members) {
        driver.beat(memberId, { groupId, memberEpoch, ...NO_TASKS });
      }
    }
    // Large groups are assigned beside their heartbeats.
    driver.clock.advance(1);
  }
  expect(driver.epochs("g0")[0]).toBe("Stable");
  return driver;
}

function heartbeatCost(driver: StreamsDriver, groupCount: number, memberCount: number): number {
  const [, , memberEpoch] = driver.epochs("g0");
  return cost(5, 500, (index) => {
    const groupId = `g${index % groupCount}`;
    const { errorCode } = driver.beat(`m${index % memberCount}`, { groupId, memberEpoch });
    if (errorCode !== ErrorCode.NONE) throw new Error(`heartbeat answered ${errorCode}`);
  });
}

test("a heartbeat costs the same with 300 groups as with one, and writes nothing", () => {
  const few = filled(1, 2);
  const many = filled(300, 2);
  const written = many.log.logEndOffset;
  expect(heartbeatCost(many, 300, 2)).toBeLessThan(heartbeatCost(few, 1, 2) * MARGIN);
  expect(many.log.logEndOffset).toBe(written);
  // One timer of the clock serves all members of all groups.
  expect(many.clock.timerCount).toBe(1);
}, 30_000);

test("a heartbeat costs the same in a group of 1,000 members and 3,000 tasks", () => {
  const small = filled(1, 2);
  const large = filled(1, 1_000, 3_000);
  expect(heartbeatCost(large, 1, 1_000)).toBeLessThan(heartbeatCost(small, 1, 2) * MARGIN);
}, 30_000);

test("10,000 members join at once, and are assigned together", () => {
  const streams = streamsConfig({
    initialRebalanceDelayMs: () => 3_000,
    sessionTimeoutMs: () => 3_600_000,
  });
  const topics = new FakeTopics({ t: 10_000 });
  const driver = new StreamsDriver({ config: { streams }, topics }).start();
  let joined = 0;
  const join = () => driver.beat(`m${joined++}`);
  join();
  const first = cost(10, 50, join);
  while (joined < 9_500) join();
  expect(cost(10, 50, join)).toBeLessThan(first * MARGIN);
  expect(driver.epochs()).toEqual(["Assigning", joined + 1, 1]);
  const startMs = performance.now();
  driver.clock.advance(3_000);
  expect(performance.now() - startMs).toBeLessThan(3_000);
  expect(driver.epochs()).toEqual(["Reconciling", joined + 1, joined + 1]);
}, 60_000);
