/** Share and streams groups of very many: assigned bit by bit, as they were when that began. */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { GROUP_CONFIG_DEFAULTS } from "../../../src/coordinator/group/group-config.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { ShareGroupDriver } from "./share-groups-driver.ts";
import { NO_TASKS, StreamsDriver, STATEFUL, streamsConfig } from "./streams-driver.ts";

const MEMBERS = 600;

interface Arena {
  readonly clock: StreamsDriver["clock"];
  /** What every member shall have; by member id. */
  targets(): ReadonlyMap<string, number>;
  assignmentEpoch(): number;
  beat(memberId: string, memberEpoch: number): number;
}

/** Steps until the target is another one; what `meanwhile` does comes before the fourth. */
function assignBeside(arena: Arena, meanwhile: () => void): number {
  const { clock } = arena;
  const before = arena.assignmentEpoch();
  clock.lookTakesMs = 1;
  expect(arena.beat("m1", before)).toBe(ErrorCode.NONE);
  expect(arena.assignmentEpoch()).toBe(before);
  let steps = 0;
  while (arena.assignmentEpoch() === before) {
    if (steps === 3) meanwhile();
    expect(arena.beat("m1", before)).toBe(ErrorCode.NONE);
    expect(clock.step()).toBe(true);
    steps++;
  }
  clock.lookTakesMs = 0;
  return steps;
}

test("a streams group", () => {
  const streams = streamsConfig({
    sessionTimeoutMs: () => 3_600_000,
    assignmentIntervalMs: () => 1_000,
    standbyCount: () => 1,
  });
  const topics = new FakeTopics({ t: 2_000, c: 2_000 });
  const driver = new StreamsDriver({ config: { streams }, topics }).start();
  const join = (memberId: string) => driver.beat(memberId, { topology: STATEFUL });
  for (let index = 0; index < MEMBERS; index++) join(`m${index}`);
  driver.clock.advance(1_000);
  const arena: Arena = {
    clock: driver.clock,
    targets: () =>
      new Map(
        driver
          .describeStreams()
          .members.map(({ memberId, targetAssignment }) => [
            memberId,
            targetAssignment.activeTasks.reduce(
              (sum, { partitions }) => sum + partitions.length,
              0,
            ),
          ]),
      ),
    assignmentEpoch: () => driver.describeStreams().assignmentEpoch,
    beat: (memberId, memberEpoch) => driver.beat(memberId, { memberEpoch, ...NO_TASKS }).errorCode,
  };
  const { groupEpoch } = driver.describeStreams();
  const steps = assignBeside(arena, () => {
    driver.beat("m2", { memberEpoch: -1 });
    join("late");
  });
  expect(steps).toBeGreaterThan(10);
  expect(arena.assignmentEpoch()).toBe(groupEpoch);
  const targets = arena.targets();
  expect([targets.has("m2"), targets.get("late")]).toEqual([false, 0]);
  expect(Math.max(...targets.values())).toBe(4);
  // The next one takes them all in.
  driver.clock.advance(1_000);
  const one = driver.describeStreams().members.find(({ memberId }) => memberId === "m1")!;
  expect(arena.beat("m1", one.memberEpoch)).toBe(ErrorCode.NONE);
  driver.clock.advance(1);
  expect([...arena.targets().values()].reduce((sum, count) => sum + count, 0)).toBe(2_000);
  expect(arena.targets().get("late")).toBeGreaterThan(0);
  const { members } = driver.describeStreams();
  expect(driver.restarted().describeStreams().members).toEqual(members);
}, 60_000);

test("a share group", () => {
  const share = {
    ...GROUP_CONFIG_DEFAULTS.share,
    maxSize: 1_000,
    sessionTimeoutMs: () => 3_600_000,
    assignmentIntervalMs: () => 1_000,
  };
  const fakeTopics = new FakeTopics({ t: 1_200 });
  const driver = new ShareGroupDriver({ config: { share }, fakeTopics }).start();
  const join = (memberId: string) => driver.beat(memberId, 0, ["t"]);
  for (let index = 0; index < MEMBERS; index++) join(`m${index}`);
  driver.clock.advance(1_000);
  const allBeat = () => {
    for (const { memberId, memberEpoch } of driver.described().members) {
      driver.beat(memberId, memberEpoch);
    }
  };
  const arena: Arena = {
    clock: driver.clock,
    targets: () =>
      new Map(
        driver
          .described()
          .members.map(({ memberId, assignment }) => [
            memberId,
            assignment.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0),
          ]),
      ),
    assignmentEpoch: () => driver.described().assignmentEpoch,
    beat: (memberId, memberEpoch) => driver.beat(memberId, memberEpoch).errorCode,
  };
  const { groupEpoch } = driver.described();
  const steps = assignBeside(arena, () => {
    driver.beat("m2", -1);
    join("late");
  });
  expect(steps).toBeGreaterThan(10);
  expect(arena.assignmentEpoch()).toBe(groupEpoch);
  allBeat();
  const targets = arena.targets();
  expect([targets.has("m2"), targets.get("late")]).toEqual([false, 0]);
  expect(Math.max(...targets.values())).toBe(2);
  // The next one takes them all in.
  driver.clock.advance(1_000);
  arena.beat("m1", groupEpoch);
  driver.clock.advance(1);
  allBeat();
  expect([...arena.targets().values()].reduce((sum, count) => sum + count, 0)).toBe(1_200);
  expect(arena.targets().get("late")).toBeGreaterThan(0);
  const described = driver.described();
  expect(driver.restarted().described()).toEqual(described);
}, 60_000);
