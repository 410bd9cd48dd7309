/**
 * Random threads of an application in one streams group, from a seed: they join, take tasks and
 * give them back or dawdle, leave, die, come back, move to another process; topics grow and go, and
 * internal ones are made; standbys are asked for; time passes; the log commits late, refuses, or
 * loses; the broker restarts. All the while no task is active twice, and no process has one twice;
 * a broker that reads the log, whole or compacted, is where this one is; and once it is calm each
 * task is active once.
 */
import { describe, expect, test } from "bun:test";
import { GROUP_CONFIG_DEFAULTS } from "../../../src/coordinator/group/group-config.ts";
import type { GroupShard } from "../../../src/coordinator/group/group-shard.ts";
import type { StreamsHeartbeatRequest } from "../../../src/coordinator/group/group-messages.ts";
import type { StreamsAnswer } from "../../../src/coordinator/group/streams-answer.ts";
import type { StreamsGroup } from "../../../src/coordinator/group/streams-group.ts";
import { TASK_KINDS } from "../../../src/coordinator/group/streams-member.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { internalTopic, subtopology } from "../../api/scenarios/streams-kit.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { from } from "./group-driver.ts";
import { byKey, RandomShard, runLife, seeds } from "./random-shard.ts";
import { streamsConfig } from "./streams-driver.ts";

const GROUP = "g";
type Kind = (typeof TASK_KINDS)[number];
type TaskLists = NonNullable<StreamsHeartbeatRequest["activeTasks"]>;
/** "subtopology-partition" of each kind. */
type Owned = Record<Kind, Set<string>>;

const TOPOLOGY = {
  epoch: 1,
  subtopologies: [
    subtopology("0", { sourceTopics: ["a"], repartitionSinkTopics: ["r"] }),
    subtopology("1", {
      sourceTopics: ["b"],
      repartitionSourceTopics: [internalTopic("r", { partitions: 3 })],
      stateChangelogTopics: [internalTopic("c")],
    }),
  ],
};

class Thread {
  memberId: string;
  processId: string;
  epoch = 0;
  owned: Owned = nothing();
  /** What it was assigned last; null: it has done with that. */
  assigned: Owned | null = null;
  isAlive = true;
  isWaiting = false;

  constructor(
    readonly index: number,
    process: number,
  ) {
    this.memberId = `m${index}`;
    this.processId = `p${process}`;
  }

  /** It has been told that it is no member any more, so it stops. */
  forget(suffix: number): void {
    this.owned = nothing();
    this.assigned = null;
    this.epoch = 0;
    this.memberId = `m${this.index}-${suffix}`;
  }
}

class Simulation extends RandomShard {
  readonly topics: FakeTopics;
  readonly threads: Thread[];
  readonly standbys: { count: number };

  constructor(seed: number) {
    const topics = new FakeTopics({ a: 3, b: 2 });
    const standbys = { count: 0 };
    const streams = streamsConfig({
      sessionTimeoutMs: () => 20_000,
      assignmentIntervalMs: () => 500,
      initialRebalanceDelayMs: () => 1_000,
      standbyCount: () => standbys.count,
    });
    const config = { ...GROUP_CONFIG_DEFAULTS, streams };
    super(seed, { config, topics, loadSizeMax: 100_000 });
    this.topics = topics;
    this.standbys = standbys;
    this.threads = Array.from({ length: 6 }, (_, index) => new Thread(index, index % 3));
  }

  step(): void {
    const thread = this.random.pick(this.threads);
    const kind = this.random.below(100);
    if (kind < 64) this.beat(thread);
    else if (kind < 69) thread.isAlive = !thread.isAlive;
    else if (kind < 73) this.leave(thread);
    else if (kind < 75) this.standbys.count = this.random.below(3);
    else if (kind < 80) this.changeTopics();
    else if (kind < 96) this.clock.advance(this.random.pick([5, 400, 1_200, 4_000, 12_000]));
    else this.disturb(1);
    if (this.random.chance(0.8)) this.clock.settle();
  }

  beat(thread: Thread, memberEpoch = thread.epoch): void {
    if (!thread.isAlive || thread.isWaiting) return;
    const joins = memberEpoch === 0;
    if (joins) thread.owned = nothing();
    const hasSettled = thread.assigned !== null && this.random.chance(0.7);
    if (hasSettled) {
      // It gives back and takes up at once, and then says so.
      thread.owned = thread.assigned!;
      thread.assigned = null;
    }
    const says = joins || hasSettled || this.random.chance(0.2);
    const { memberId, owned } = thread;
    const request: StreamsHeartbeatRequest = {
      groupId: GROUP,
      memberId,
      memberEpoch,
      endpointInformationEpoch: this.random.below(3),
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: joins ? 15_000 : -1,
      topology: joins ? (TOPOLOGY as StreamsHeartbeatRequest["topology"]) : null,
      activeTasks: says ? listsOf(owned.active) : null,
      standbyTasks: says ? listsOf(owned.standby) : null,
      warmupTasks: says ? [] : null,
      processId: joins ? thread.processId : null,
      userEndpoint: joins && this.random.chance(0.5) ? { host: memberId, port: 1 } : null,
      clientTags: joins ? [] : null,
      taskOffsets: null,
      taskEndOffsets: null,
      shutdownApplication: false,
    };
    thread.isWaiting = true;
    this.ask(
      (shard) => shard.streamsHeartbeat(request, from(0)),
      (answer) => {
        thread.isWaiting = false;
        if (thread.memberId === memberId && typeof answer !== "number") this.hear(thread, answer);
      },
    );
  }

  hear(thread: Thread, { response, missingTopics }: StreamsAnswer): void {
    for (const { name, partitionCount } of missingTopics) {
      if (this.topics.idOf(name) !== null || this.random.chance(0.3)) continue;
      this.topicsChanged(this.topics.create(name, partitionCount));
    }
    switch (response.errorCode) {
      case ErrorCode.NONE: {
        thread.epoch = response.memberEpoch;
        const { activeTasks, standbyTasks } = response;
        if (!activeTasks || !standbyTasks) return;
        const active = ownedOf(activeTasks as TaskLists);
        thread.assigned = {
          active,
          standby: ownedOf(standbyTasks as TaskLists),
          warmup: new Set(),
        };
        return;
      }
      case ErrorCode.FENCED_MEMBER_EPOCH:
        thread.owned = nothing();
        thread.assigned = null;
        thread.epoch = 0;
        return;
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
        thread.forget(this.random.below(1_000_000));
        return;
      default:
        return;
    }
  }

  leave(thread: Thread): void {
    if (!thread.isAlive || thread.isWaiting || thread.epoch <= 0) return;
    this.beat(thread, -1);
    thread.forget(this.random.below(1_000_000));
    if (this.random.chance(0.3)) thread.processId = `p${this.random.below(4)}`;
    thread.isWaiting = false;
  }

  changeTopics(): void {
    const name = this.random.pick(["a", "b", "c", "r"]);
    const count = this.topics.partitionCountOf(name);
    const isSource = name === "a" || name === "b";
    if (count === null) {
      if (isSource) this.topicsChanged(this.topics.create(name, 1 + this.random.below(3)));
    } else if (!isSource || this.random.chance(0.4)) {
      this.topicsChanged(this.topics.delete(name));
    } else if (count < 3) {
      this.topicsChanged(this.topics.grow(name, count + 1));
    }
  }

  /** Whoever is alive goes on for as long as it takes, and one with them; all topics are there. */
  quiesce(): void {
    this.calm();
    for (const name of ["a", "b"]) {
      if (this.topics.idOf(name) === null) this.topicsChanged(this.topics.create(name, 2));
    }
    // One of a wrong size would be in the way for ever.
    for (const name of ["c", "r"]) {
      if (this.topics.idOf(name) !== null) this.topicsChanged(this.topics.delete(name));
    }
    this.threads.push(new Thread(this.threads.length, 9));
    for (let round = 0; round < 60; round++) {
      for (const thread of this.threads) {
        this.beat(thread);
        this.clock.settle();
      }
      this.clock.advance(1_500);
    }
  }
}

function nothing(): Owned {
  return { active: new Set(), standby: new Set(), warmup: new Set() };
}

function ownedOf(lists: TaskLists): Set<string> {
  return new Set(
    lists.flatMap(({ subtopologyId, partitions }) =>
      partitions.map((partition) => `${subtopologyId}-${partition}`),
    ),
  );
}

function listsOf(owned: ReadonlySet<string>): TaskLists {
  return [...Map.groupBy(owned, (each) => each.split("-")[0]!)].map(([subtopologyId, tasks]) => ({
    subtopologyId,
    partitions: tasks.map((each) => Number(each.split("-")[1])),
  }));
}

/** Members of the group alone count: others have been removed and are about to learn of it. */
function expectOneHolder({ threads, broker }: Simulation): void {
  const group = broker.shard.streams.get(GROUP);
  if (group === undefined) return;
  const holders = new Map<string, string>();
  const hold = (task: string, memberId: string): void => {
    expect([task, holders.get(task) ?? memberId]).toEqual([task, memberId]);
    holders.set(task, memberId);
  };
  for (const { memberId, processId, owned, epoch } of threads) {
    if (!group.members.has(memberId) || epoch === 0) continue;
    for (const task of owned.active) hold(task, memberId);
    for (const kind of TASK_KINDS) {
      for (const task of owned[kind]) hold(`${processId} ${task}`, memberId);
    }
  }
}

/** What the coordinator itself must keep to, between any two operations. */
function check(group: StreamsGroup): void {
  const active = new Map<string, string>();
  for (const member of group.members.values()) {
    expect(group.timers.get(member.memberId)?.session?.isSet).toBe(true);
    expect(member.memberEpoch).toBeLessThanOrEqual(group.groupEpoch);
    for (const tasks of [member.assignedTasks, member.tasksPendingRevocation]) {
      for (const [id, epochs] of tasks.active) {
        for (const partition of epochs.keys()) {
          const task = `${id}-${partition}`;
          expect([task, active.get(task)]).toEqual([task, undefined]);
          active.set(task, member.memberId);
          expect([...group.holdersOf("active", id, partition).keys()]).toEqual([member.processId]);
        }
      }
    }
  }
  expect(group.assignmentEpoch).toBeLessThanOrEqual(group.groupEpoch);
  expect([...group.timers.keys()].filter((id) => !group.members.has(id))).toEqual([]);
  expect([...group.targetAssignment.keys()].filter((id) => !group.members.has(id))).toEqual([]);
}

/** What a restart must not change. */
function recorded(shard: GroupShard): unknown {
  return [...shard.streams.byId.values()].map((group) => ({
    id: group.groupId,
    epochs: [group.groupEpoch, group.assignmentEpoch, group.assignmentTimestampMs],
    hash: group.metadataHash,
    validated: group.validatedTopologyEpoch,
    configs: byKey(group.assignmentConfigs),
    topology: group.topology?.value,
    members: byKey(group.members),
    targets: byKey(group.targetAssignment),
    state: group.state,
  }));
}

function expectSettled({ threads, broker, topics }: Simulation): void {
  const group = broker.shard.streams.get(GROUP);
  expect(group?.state).toBe("Stable");
  const taskCounts = {
    0: topics.partitionCountOf("a")!,
    1: Math.max(3, topics.partitionCountOf("b")!),
  };
  const held = threads
    .filter(({ isAlive, memberId }) => isAlive && group!.members.has(memberId))
    .flatMap(({ owned }) => [...owned.active])
    .sort();
  const wanted = Object.entries(taskCounts).flatMap(([id, count]) =>
    Array.from({ length: count }, (_, partition) => `${id}-${partition}`),
  );
  expect(held).toEqual(wanted.sort());
}

function runSeed(seed: number): void {
  const simulation = new Simulation(seed);
  runLife({
    simulation,
    recorded,
    check() {
      // One that is being read is not whole yet.
      simulation.broker.runtime.forEach(({ streams }) => {
        for (const group of streams.byId.values()) check(group);
      });
      expectOneHolder(simulation);
    },
    expectSettled: () => expectSettled(simulation),
  });
}

describe("random streams", () => {
  // More of them: SEEDS=2000 bun test random-streams
  for (const seed of seeds(30)) {
    test(`seed ${seed}: a task is active once, a restart changes nothing, all are given out`, () => {
      runSeed(seed);
    });
  }
});
