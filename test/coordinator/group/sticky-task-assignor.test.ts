import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { grownCapacity, stringsInJavaOrder } from "../../../src/coordinator/java-order.ts";
import { JavaPriorityQueue } from "../../../src/coordinator/group/java-priority-queue.ts";
import {
  assignTasks,
  type TaskGroup,
  type TaskMember,
  type TaskSubtopology,
} from "../../../src/coordinator/group/sticky-task-assignor.ts";
import {
  NO_TARGET_TASKS,
  type TargetTasks,
} from "../../../src/coordinator/group/streams-member.ts";
import { FakeRandom } from "../../sim/fake-random.ts";

function member(memberId: string, processId = memberId, tasks = NO_TARGET_TASKS): TaskMember {
  return { memberId, processId, tasks };
}

function stateful(id: string, taskCount: number): TaskSubtopology {
  return { id, taskCount, isStateful: true };
}

function stateless(id: string, taskCount: number): TaskSubtopology {
  return { id, taskCount, isStateful: false };
}

function namesOf(tasks: TargetTasks["active"]): string[] {
  return [...tasks].flatMap(([id, partitions]) => partitions.map((each) => `${id}_${each}`));
}

/** "active | standby" by member. */
function shown(byMember: ReadonlyMap<string, TargetTasks>): Record<string, string> {
  return Object.fromEntries(
    [...byMember].map(([id, { active, standby }]) => [
      id,
      `${namesOf(active).sort().join(",")} | ${namesOf(standby).sort().join(",")}`,
    ]),
  );
}

function after(
  members: readonly TaskMember[],
  byMember: ReadonlyMap<string, TargetTasks>,
): TaskMember[] {
  return members.map((each) => ({ ...each, tasks: byMember.get(each.memberId) ?? each.tasks }));
}

describe("the sticky task assignor", () => {
  test("gives each process one copy of a task", () => {
    const members = ["a", "b"].map((id) => member(id));
    const subtopologies = [stateful("0", 2), stateless("1", 2)];
    const { byMember, shortCount } = assignTasks({ members, subtopologies, standbyCount: 1 });
    expect(shown(byMember)).toEqual({ a: "0_0,1_0 | 0_1", b: "0_1,1_1 | 0_0" });
    expect(shortCount).toBe(0);
  });

  test("counts standbys that find no process", () => {
    const members = [member("a", "p"), member("b", "p")];
    const { byMember, shortCount } = assignTasks({
      members,
      subtopologies: [stateful("0", 2)],
      standbyCount: 1,
    });
    expect(shown(byMember)).toEqual({ a: "0_0 | ", b: "0_1 | " });
    expect(shortCount).toBe(2);
  });

  test("makes the standby of a process that has gone active", () => {
    const subtopologies = [stateful("0", 4)];
    const members = ["a", "b"].map((id) => member(id));
    const first = assignTasks({ members, subtopologies, standbyCount: 1 }).byMember;
    expect(shown(first)).toEqual({ a: "0_0,0_2 | 0_1,0_3", b: "0_1,0_3 | 0_0,0_2" });
    const left = [...after(members, first).slice(1), member("c")];
    const next = assignTasks({ members: left, subtopologies, standbyCount: 1 }).byMember;
    // What it had it keeps; a task of which it has the state would be more than its share.
    expect(namesOf(next.get("b")!.active).sort()).toEqual(["0_1", "0_3"]);
    expect(namesOf(next.get("b")!.standby).sort()).toEqual(["0_0", "0_2"]);
  });

  test("without members gives nothing to anybody", () => {
    const subtopologies = [stateful("0", 4)];
    const { byMember } = assignTasks({ members: [], subtopologies, standbyCount: 2 });
    expect(byMember.size).toBe(0);
  });
});

/**
 * Of each case two lines (fixtures/StickyTaskFixtures.java): the group as it is, and what Kafka 4.3.1's
 * own StickyTaskAssignor makes of them.
 */
describe("what Kafka's assignor makes of the same", () => {
  const lines = readFileSync(join(import.meta.dir, "fixtures/sticky-tasks.txt"), "utf8");
  const pairs = lines.trimEnd().split("\n");
  test(`is the same in ${pairs.length / 2} cases`, () => {
    for (let index = 0; index < pairs.length; index += 2) {
      const { byMember } = assignTasks(caseOf(pairs[index]!));
      const ours = [...byMember]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([id, { active, standby }]) => `${id};${listed(active)};${listed(standby)}`);
      expect(ours.join("|")).toBe(pairs[index + 1]!);
    }
  });
});

function caseOf(line: string): TaskGroup {
  const [standbyCount = "", subtopologies = "", ...members] = line.split("|");
  const byId = new Map(
    members.map((text) => {
      const [memberId = "", processId = "", active = "", standby = ""] = text.split(";");
      const tasks = { ...NO_TARGET_TASKS, active: unlisted(active), standby: unlisted(standby) };
      return [memberId, member(memberId, processId, tasks)] as const;
    }),
  );
  const ids = stringsInJavaOrder([...byId.keys()], grownCapacity(byId.size));
  return {
    members: ids.map((id) => byId.get(id)!),
    subtopologies: subtopologies.split(",").map((text) => {
      const [id = "", taskCount, isStateful] = text.split(":");
      return { id, taskCount: Number(taskCount), isStateful: isStateful === "1" };
    }),
    standbyCount: Number(standbyCount),
  };
}

function listed(tasks: TargetTasks["active"]): string {
  return namesOf(tasks)
    .map((name) => name.replace("_", ":"))
    .sort()
    .join(",");
}

function unlisted(text: string): TargetTasks["active"] {
  const names = text === "" ? [] : text.split(",").map((name) => name.split(":"));
  const byId = Map.groupBy(names, ([id = ""]) => id);
  return new Map([...byId].map(([id, list]) => [id, list.map(([, number]) => Number(number))]));
}

describe("random groups", () => {
  for (let seed = 1; seed <= 60; seed++) {
    test(`seed ${seed}: all tasks, none twice in a process, even shares, few moves`, () => {
      runSeed(seed);
    });
  }
});

function runSeed(seed: number): void {
  const random = new FakeRandom(seed);
  const subtopologies = Array.from({ length: 1 + random.below(4) }, (_, index) =>
    random.chance(0.5)
      ? stateful(`s${index}`, 1 + random.below(9))
      : stateless(`s${index}`, 1 + random.below(9)),
  );
  const standbyCount = random.below(3);
  let members = Array.from({ length: 1 + random.below(6) }, (_, index) => newMember(index));
  let madeCount = members.length;
  for (let round = 0; round < 8; round++) {
    const { byMember, shortCount } = assignTasks({ members, subtopologies, standbyCount });
    check(members, subtopologies, standbyCount, byMember, shortCount);
    const settled = after(members, byMember);
    // Nobody has come or gone: who has its share keeps it.
    const again = assignTasks({ members: settled, subtopologies, standbyCount }).byMember;
    expect(movedCount(settled, again)).toBeLessThanOrEqual(areApart(members) ? 0 : members.length);
    const staying = settled.filter(() => random.chance(0.8));
    const isNew = staying.length === 0 || random.chance(0.6);
    members = isNew ? [...staying, newMember(madeCount++)] : staying;
  }

  function newMember(index: number): TaskMember {
    return member(`m${index}`, `p${random.below(4)}`);
  }
}

/** Each has a process of its own. */
function areApart(members: readonly TaskMember[]): boolean {
  return new Set(members.map(({ processId }) => processId)).size === members.length;
}

function movedCount(
  members: readonly TaskMember[],
  byMember: ReadonlyMap<string, TargetTasks>,
): number {
  let count = 0;
  for (const { memberId, tasks } of members) {
    const now = new Set(namesOf(byMember.get(memberId)!.active));
    count += namesOf(tasks.active).filter((task) => !now.has(task)).length;
  }
  return count;
}

function check(
  members: readonly TaskMember[],
  subtopologies: readonly TaskSubtopology[],
  standbyCount: number,
  byMember: ReadonlyMap<string, TargetTasks>,
  shortCount: number,
): void {
  const active = members.flatMap(({ memberId }) => namesOf(byMember.get(memberId)!.active));
  const wanted = subtopologies.flatMap(({ id, taskCount }) =>
    Array.from({ length: taskCount }, (_, partition) => `${id}_${partition}`),
  );
  expect(active.sort()).toEqual(wanted.sort());
  const held = new Set<string>();
  let standbys = 0;
  for (const { memberId, processId } of members) {
    const tasks = byMember.get(memberId)!;
    standbys += namesOf(tasks.standby).length;
    for (const task of [...namesOf(tasks.active), ...namesOf(tasks.standby)]) {
      expect(held.has(`${processId} ${task}`)).toBe(false);
      held.add(`${processId} ${task}`);
    }
    expect(tasks.warmup.size).toBe(0);
  }
  const statefulCount = subtopologies
    .filter(({ isStateful }) => isStateful)
    .reduce((sum, { taskCount }) => sum + taskCount, 0);
  expect(standbys + shortCount).toBe(statefulCount * standbyCount);
  const processCount = new Set(members.map(({ processId }) => processId)).size;
  const possible = Math.min(standbyCount, processCount - 1) * statefulCount;
  expect(standbys).toBe(possible);
  expectBalance(members, byMember, active.length);
}

/** By process, as its members share its load: none has more than its share, rounded up. */
function expectBalance(
  members: readonly TaskMember[],
  byMember: ReadonlyMap<string, TargetTasks>,
  activeCount: number,
): void {
  const perMember = Math.ceil(activeCount / members.length);
  const byProcess = Map.groupBy(members, ({ processId }) => processId);
  for (const group of byProcess.values()) {
    const count = group.reduce(
      (sum, { memberId }) => sum + namesOf(byMember.get(memberId)!.active).length,
      0,
    );
    expect(count).toBeLessThanOrEqual(perMember * group.length);
  }
}

test("a queue of Java's gives equals back as its heap has them", () => {
  const elements = [5, 1, 4, 1, 3, 1].map((key, index) => ({ key, index }));
  const queue = new JavaPriorityQueue(elements, ({ key }) => key);
  const order: number[] = [];
  for (let each = queue.poll(); each !== null; each = queue.poll()) order.push(each.index);
  expect(order).toEqual([1, 3, 5, 4, 2, 0]);
  expect(queue.isEmpty).toBe(true);
});
