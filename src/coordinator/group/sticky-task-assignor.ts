/**
 * The assignor of streams groups, step by step as Kafka's, so that both arrive at the same:
 *
 *   active   1. to the member that has the task  2. to one that has it as a standby
 *            3. to the process with the least to do, and there to the member with the least
 *   standby  1. to who had the task before       2. to one that has it as a standby
 *            3. to the process with the least to do that has not got it in any way
 *
 * Steps 1 and 2 go only as far as each member's share. Pure, like the assignors of consumers.
 */
import { finishNow, Pace, type Steps } from "../../base/slices.ts";
import { JavaPriorityQueue } from "./java-priority-queue.ts";
import { grownCapacity, sizedCapacity, stringsInJavaOrder } from "../java-order.ts";
import { NO_TARGET_TASKS, type TargetTasks } from "./streams-member.ts";
import type { TopicPartitions } from "./assignor.ts";

export interface TaskMember {
  readonly memberId: string;
  readonly processId: string;
  /** What it shall have as of the last assignment. */
  readonly tasks: TargetTasks;
}

export interface TaskSubtopology {
  readonly id: string;
  readonly taskCount: number;
  /** It has state that a standby can keep ready. */
  readonly isStateful: boolean;
}

export interface TaskGroup {
  /** In the order of a Java HashMap. */
  readonly members: readonly TaskMember[];
  /** Sorted by id. */
  readonly subtopologies: readonly TaskSubtopology[];
  readonly standbyCount: number;
}

/** By member id; who is not in it gets nothing. `shortCount`: standbys that found no process. */
export interface TaskAssignment {
  readonly byMember: ReadonlyMap<string, TargetTasks>;
  readonly shortCount: number;
}

interface Task {
  readonly key: string;
  readonly subtopologyId: string;
  readonly partition: number;
}

interface Member {
  readonly process: Process;
  readonly memberId: string;
  taskCount: number;
  readonly active: Task[];
  readonly standby: Task[];
}

export function assignTasks(group: TaskGroup): TaskAssignment {
  return finishNow(assignTasksInSteps(group));
}

export function* assignTasksInSteps(group: TaskGroup): Steps<TaskAssignment> {
  const assignment = new Assignment(group);
  yield* assignment.takeMembers();
  yield* assignment.assignActive();
  const shortCount = group.standbyCount > 0 ? yield* assignment.assignStandby() : 0;
  const byMember = new Map<string, TargetTasks>();
  const pace = new Pace(A_STEP);
  for (const { memberId, active, standby } of assignment.members.values()) {
    const tasks = { ...NO_TARGET_TASKS, active: grouped(active), standby: grouped(standby) };
    byMember.set(memberId, tasks);
    if (pace.endsStep()) yield;
  }
  return { byMember, shortCount };
}

/** Members, or tasks. */
const A_STEP = 64;

/** Members that share a process share its load. */
class Process {
  readonly tasks = new Set<string>();
  readonly members: Member[] = [];
  taskCount = 0;
  /** Of members by what they have; made anew when one got a task out of turn. */
  #byLoad: JavaPriorityQueue<Member> | null = null;

  get load(): number {
    return this.taskCount / this.members.length;
  }

  /** How many tasks the member has then. */
  give(member: Member, task: Task, isActive: boolean): number {
    this.#byLoad = null;
    return this.#give(member, task, isActive);
  }

  giveToLeastLoaded(task: Task, isActive: boolean): number {
    if (this.members.length === 1) return this.#give(this.members[0]!, task, isActive);
    this.#byLoad ??= new JavaPriorityQueue(this.#inJavaOrder(), ({ taskCount }) => taskCount);
    const member = this.#byLoad.poll()!;
    const count = this.#give(member, task, isActive);
    this.#byLoad.add(member);
    return count;
  }

  #give(member: Member, task: Task, isActive: boolean): number {
    this.tasks.add(task.key);
    (isActive ? member.active : member.standby).push(task);
    this.taskCount += 1;
    member.taskCount += 1;
    return member.taskCount;
  }

  #inJavaOrder(): Member[] {
    const byId = new Map(this.members.map((member) => [member.memberId, member]));
    const ids = stringsInJavaOrder([...byId.keys()], grownCapacity(byId.size));
    return ids.map((id) => byId.get(id)!);
  }
}

/** What each member may get: falls, and rises again, as members have got their share. */
class Quota {
  #taskCount: number;
  #memberCount: number;
  perMember: number;

  constructor(taskCount: number, memberCount: number) {
    this.#taskCount = taskCount;
    this.#memberCount = memberCount;
    this.perMember = share(taskCount, memberCount);
  }

  /** A member has so many now. */
  note(count: number): void {
    if (count !== this.perMember) return;
    this.#memberCount -= 1;
    this.#taskCount -= count;
    this.perMember = share(this.#taskCount, this.#memberCount);
  }
}

class Assignment {
  readonly members = new Map<string, Member>();
  readonly #group: TaskGroup;
  readonly #processes = new Map<string, Process>();
  readonly #formerActive = new Map<string, Member>();
  readonly #formerStandby = new Map<string, Member[]>();
  readonly #activeQuota: Quota;
  readonly #quota: Quota;

  constructor(group: TaskGroup) {
    this.#group = group;
    let activeCount = 0;
    let count = 0;
    for (const { taskCount, isStateful } of group.subtopologies) {
      activeCount += taskCount;
      count += taskCount * (isStateful ? 1 + group.standbyCount : 1);
    }
    this.#activeQuota = new Quota(activeCount, group.members.length);
    this.#quota = new Quota(count, group.members.length);
  }

  *takeMembers(): Steps<void> {
    const pace = new Pace(A_STEP);
    for (const { memberId, processId, tasks } of this.#group.members) {
      let process = this.#processes.get(processId);
      if (process === undefined) this.#processes.set(processId, (process = new Process()));
      const member: Member = { process, memberId, taskCount: 0, active: [], standby: [] };
      process.members.push(member);
      this.members.set(memberId, member);
      for (const key of keysOf(tasks.active)) this.#formerActive.set(key, member);
      for (const key of keysOf(tasks.standby)) {
        const former = this.#formerStandby.get(key);
        if (former === undefined) this.#formerStandby.set(key, [member]);
        else former.push(member);
      }
      if (pace.endsStep()) yield;
    }
  }

  *assignActive(): Steps<void> {
    // Partitions of the same number lie together, as a range assignor gives them.
    const tasks = tasksOf(this.#group.subtopologies).sort(byPartition);
    yield;
    const others = yield* leftOf(tasks, (task) => this.#giveBack(task));
    const rest = yield* leftOf(others, (task) => this.#giveToStandby(task));
    const byLoad = this.#byLoad();
    rest.sort(bySubtopology);
    const pace = new Pace(A_STEP);
    for (const task of rest) {
      if (pace.endsStep()) yield;
      const process = byLoad.poll();
      if (process === null) return;
      this.#note(process.giveToLeastLoaded(task, true));
      byLoad.add(process);
    }
  }

  /** Answers how many found no process that could have them. */
  *assignStandby(): Steps<number> {
    const { standbyCount, subtopologies } = this.#group;
    const stateful = subtopologies.filter(({ isStateful }) => isStateful);
    const open: { task: Task; count: number }[] = [];
    const tasks = tasksOf(stateful).sort((one, other) => byPartition(other, one));
    const pace = new Pace(A_STEP);
    for (const task of tasks) {
      if (pace.endsStep()) yield;
      for (let index = 0; index < standbyCount; index++) {
        if (this.#keepAsStandby(task)) continue;
        open.push({ task, count: standbyCount - index });
        break;
      }
    }
    open.sort((one, other) => bySubtopology(other.task, one.task));
    const byLoad = this.#byLoad();
    let shortCount = 0;
    for (const { task, count } of open) {
      if (pace.endsStep()) yield;
      for (let index = 0; index < count; index++) {
        if (this.#giveStandby(byLoad, task)) continue;
        shortCount += count - index;
        break;
      }
    }
    return shortCount;
  }

  /** To the member that has it already. */
  #giveBack(task: Task): boolean {
    return this.#giveActive(this.#formerActive.get(task.key) ?? null, task);
  }

  #giveToStandby(task: Task): boolean {
    const former = this.#formerStandby.get(task.key) ?? [];
    return this.#giveActive(leastLoaded(former, null), task);
  }

  #giveActive(member: Member | null, task: Task): boolean {
    if (member === null || member.taskCount >= this.#activeQuota.perMember) return false;
    this.#note(member.process.give(member, task, true));
    return true;
  }

  /** A standby where the state is: with who had the task before. */
  #keepAsStandby(task: Task): boolean {
    const active = this.#formerActive.get(task.key);
    if (active !== undefined && !active.process.tasks.has(task.key) && this.#hasRoom(active)) {
      this.#quota.note(active.process.give(active, task, false));
      return true;
    }
    const former = leastLoaded(this.#formerStandby.get(task.key) ?? [], task);
    if (former === null || !this.#hasRoom(former)) return false;
    this.#quota.note(former.process.give(former, task, false));
    return true;
  }

  /** Looks past processes that have the task; they come back in the order of Kafka's recursion. */
  #giveStandby(byLoad: JavaPriorityQueue<Process>, task: Task): boolean {
    const passed: Process[] = [];
    let isGiven = false;
    for (let process = byLoad.poll(); process !== null; process = byLoad.poll()) {
      passed.push(process);
      if (process.tasks.has(task.key)) continue;
      this.#quota.note(process.giveToLeastLoaded(task, false));
      isGiven = true;
      break;
    }
    for (const process of passed.reverse()) byLoad.add(process);
    return isGiven;
  }

  #hasRoom(member: Member): boolean {
    return member.taskCount < this.#quota.perMember;
  }

  #note(count: number): void {
    this.#activeQuota.note(count);
    this.#quota.note(count);
  }

  #byLoad(): JavaPriorityQueue<Process> {
    const ids = [...this.#processes.keys()];
    const capacity = sizedCapacity(this.#group.members.length, ids.length);
    const processes = stringsInJavaOrder(ids, capacity).map((id) => this.#processes.get(id)!);
    return new JavaPriorityQueue(processes, ({ load }) => load);
  }
}

/** As in Kafka a later one must have less to do in its process and by itself; `task`: not yet. */
function leastLoaded(members: readonly Member[], task: Task | null): Member | null {
  const [first, ...rest] = members;
  if (first === undefined) return null;
  let best = first;
  let processLoad = first.process.load;
  let memberLoad = first.taskCount;
  for (const member of rest) {
    const { load, tasks } = member.process;
    if (load >= processLoad || (task !== null && tasks.has(task.key))) continue;
    if (member.taskCount >= memberLoad) continue;
    processLoad = load;
    memberLoad = member.taskCount;
    best = member;
  }
  return task !== null && first.process.tasks.has(task.key) ? null : best;
}

/** Those that `give` did not give to anybody. */
function* leftOf(tasks: readonly Task[], give: (task: Task) => boolean): Steps<Task[]> {
  const left: Task[] = [];
  const pace = new Pace(A_STEP);
  for (const task of tasks) {
    if (!give(task)) left.push(task);
    if (pace.endsStep()) yield;
  }
  return left;
}

function tasksOf(subtopologies: readonly TaskSubtopology[]): Task[] {
  return subtopologies.flatMap(({ id, taskCount }) =>
    Array.from({ length: taskCount }, (_, partition) => ({
      key: keyOf(id, partition),
      subtopologyId: id,
      partition,
    })),
  );
}

function* keysOf(tasks: TopicPartitions): Iterable<string> {
  for (const [id, partitions] of tasks) {
    for (const partition of partitions) yield keyOf(id, partition);
  }
}

function keyOf(subtopologyId: string, partition: number): string {
  return `${partition}_${subtopologyId}`;
}

function byPartition(one: Task, other: Task): number {
  return one.partition - other.partition || compareIds(one, other);
}

function bySubtopology(one: Task, other: Task): number {
  return compareIds(one, other) || one.partition - other.partition;
}

function compareIds({ subtopologyId: one }: Task, { subtopologyId: other }: Task): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function grouped(tasks: readonly Task[]): TopicPartitions {
  const bySubtopology = new Map<string, number[]>();
  for (const { subtopologyId, partition } of tasks) {
    const partitions = bySubtopology.get(subtopologyId);
    if (partitions === undefined) bySubtopology.set(subtopologyId, [partition]);
    else partitions.push(partition);
  }
  for (const partitions of bySubtopology.values()) partitions.sort((one, other) => one - other);
  return bySubtopology;
}

/** Rounded up. */
function share(taskCount: number, memberCount: number): number {
  return memberCount === 0 ? 0 : Math.ceil(taskCount / memberCount);
}
