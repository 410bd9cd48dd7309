/**
 * What a heartbeat costs must not grow with groups, members and partitions, and many members that
 * join at once must cost about as much as each by itself. Margins are wide, as in scale.test.ts.
 */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { ConsumerDriver, FakeTopics } from "./consumer-driver.ts";
import { MARGIN, cost } from "./cost.ts";

const LONG = { consumerSessionTimeoutMs: () => 3_600_000 };

/** Groups of so many members each, all with what they shall have. */
function filled(groupCount: number, memberCount: number, partitionCount = 4): ConsumerDriver {
  const topics = new FakeTopics({ t: partitionCount });
  const driver = new ConsumerDriver({ config: LONG, topics }).start();
  for (let index = 0; index < memberCount; index++) {
    for (let group = 0; group < groupCount; group++) {
      driver.beat({ groupId: `g${group}`, memberId: `m${index}` });
    }
  }
  driver.clock.advance(1_000);
  for (let round = 0; round < 4; round++) {
    for (let group = 0; group < groupCount; group++) {
      for (const { memberId, memberEpoch } of driver.describeConsumer(`g${group}`).members) {
        driver.beat({ groupId: `g${group}`, memberId, memberEpoch, topicPartitions: [] });
      }
    }
    // Large groups are assigned beside their heartbeats.
    driver.clock.advance(1);
  }
  expect(driver.epochs("g0")[0]).toBe("Stable");
  return driver;
}

function heartbeatCost(driver: ConsumerDriver, groupCount: number, memberCount: number): number {
  const [, , memberEpoch] = driver.epochs("g0");
  return cost(5, 500, (index) => {
    const groupId = `g${index % groupCount}`;
    const { errorCode } = driver.beat({
      groupId,
      memberId: `m${index % memberCount}`,
      memberEpoch,
    });
    if (errorCode !== ErrorCode.NONE) throw new Error(`heartbeat answered ${errorCode}`);
  });
}

test("a heartbeat costs the same with 1,000 groups as with one, and writes nothing", () => {
  const few = filled(1, 2);
  const many = filled(1_000, 2);
  const written = many.log.logEndOffset;
  expect(heartbeatCost(many, 1_000, 2)).toBeLessThan(heartbeatCost(few, 1, 2) * MARGIN);
  expect(many.log.logEndOffset).toBe(written);
  // One timer of the clock serves all members of all groups.
  expect(many.clock.timerCount).toBe(1);
}, 30_000);

test("a heartbeat costs the same in a group of 3,000 members and 9,000 partitions", () => {
  const small = filled(1, 2);
  const large = filled(1, 3_000, 9_000);
  expect(heartbeatCost(large, 1, 3_000)).toBeLessThan(heartbeatCost(small, 1, 2) * MARGIN);
}, 30_000);

test("10,000 members join at once, each at the cost of one, and are assigned together", () => {
  const topics = new FakeTopics({ t: 10_000 });
  const driver = new ConsumerDriver({ config: LONG, topics }).start();
  let joined = 0;
  const join = () => driver.beat({ memberId: `m${joined++}` });
  join();
  const first = cost(10, 50, join);
  while (joined < 9_500) join();
  expect(cost(10, 50, join)).toBeLessThan(first * MARGIN);
  expect(driver.epochs()).toEqual(["Assigning", joined + 1, 2]);
  driver.clock.advance(1_000);
  const startMs = performance.now();
  expect(driver.beat({ memberId: "m1", memberEpoch: 2 }).errorCode).toBe(ErrorCode.NONE);
  driver.clock.advance(1);
  expect(performance.now() - startMs).toBeLessThan(2_000);
  expect(driver.epochs()).toEqual(["Reconciling", joined + 1, joined + 1]);
  const { members } = driver.describeConsumer();
  const counts = members.map(({ targetAssignment }) =>
    targetAssignment.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0),
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(Math.max(...counts)).toBeLessThanOrEqual(2);
}, 60_000);

test("a large group is assigned bit by bit, as it was when that began", () => {
  const topics = new FakeTopics({ t: 1_200 });
  const driver = new ConsumerDriver({ config: LONG, topics }).start();
  for (let index = 0; index < 600; index++) driver.beat({ memberId: `m${index}` });
  driver.clock.advance(1_000);
  const { clock } = driver;
  clock.lookTakesMs = 1;
  expect(driver.beat({ memberId: "m1", memberEpoch: 2 }).errorCode).toBe(ErrorCode.NONE);
  const targetOf = (memberId: string) =>
    driver
      .describeConsumer()
      .members.find((member) => member.memberId === memberId)
      ?.targetAssignment.topicPartitions.flatMap(({ partitions }) => [...partitions]);
  const written = driver.log.logEndOffset;
  let steps = 0;
  while (driver.epochs()[2] === 2) {
    // Meanwhile heartbeats are answered, members leave, and others join.
    if (steps === 3) driver.beat({ memberId: "m2", memberEpoch: -1 });
    if (steps === 5) driver.beat({ memberId: "late" });
    expect(driver.beat({ memberId: "m1", memberEpoch: 2 }).errorCode).toBe(ErrorCode.NONE);
    expect(clock.step()).toBe(true);
    steps++;
  }
  clock.lookTakesMs = 0;
  expect(steps).toBeGreaterThan(10);
  // Of the epoch in which it began; two more have come.
  expect(driver.epochs()).toEqual(["Assigning", 603, 601]);
  expect(driver.log.logEndOffset - written).toBeLessThan(620);
  expect([targetOf("m1")?.length, targetOf("m2"), targetOf("late")]).toEqual([2, undefined, []]);
  const before = driver.describeConsumer();
  expect(driver.restarted().describeConsumer()).toEqual(before);
  // The next one takes them all in.
  clock.advance(1_000);
  driver.beat({ memberId: "m1", memberEpoch: 2 });
  clock.advance(1);
  expect(driver.epochs().slice(1)).toEqual([603, 603]);
  const all = driver.describeConsumer().members.map(({ memberId }) => targetOf(memberId) ?? []);
  expect(new Set(all.flat()).size).toBe(1_200);
  expect(Math.max(...all.map((partitions) => partitions.length))).toBe(2);
}, 60_000);
