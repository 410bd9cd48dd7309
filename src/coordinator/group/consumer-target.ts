/** The target assignment of a group: what an assignor makes of its members and topics. */
import { assert } from "../../base/assert.ts";
import { Pace } from "../../base/slices.ts";
import {
  type AssignableMember,
  type GroupAssignment,
  NO_PARTITIONS,
  samePartitions,
  topicIdsOf,
  type TopicPartitions,
} from "./assignor.ts";
import { ASSIGNORS } from "./assignors.ts";
import type { ConsumerGroup, SubscriptionCount } from "./consumer-group.ts";
import { type ConsumerMember, regexOf, sortedNames } from "./consumer-member.ts";
import { type ConsumerRecord, targetMemberRecord, targetRecord } from "./consumer-records.ts";
import type { GroupContext } from "./group-context.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface TargetRequest {
  readonly group: ConsumerGroup;
  readonly groupEpoch: number;
  /** As the request makes it, in the place of the one that the group has; null: no request does. */
  readonly updated: ConsumerMember | null;
  readonly assignorName: string;
  readonly isHomogeneous: boolean;
}

export interface NewTarget {
  readonly records: ConsumerRecord[];
  /** What `updated` shall have. */
  readonly partitions: TopicPartitions;
}

export function newTarget(context: GroupContext, request: TargetRequest): NewTarget {
  const steps = targetInSteps(context, request);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same in steps, between which members and topics may change: it is of its beginning. */
export function* targetInSteps(
  context: GroupContext,
  request: TargetRequest,
): Generator<undefined, NewTarget, undefined> {
  const { group, groupEpoch, updated, isHomogeneous } = request;
  const { clock, logger, topics } = context;
  const partitionCountOf = countsOnce(topics);
  const assignor = ASSIGNORS.get(request.assignorName);
  assert(assignor !== undefined, `a known assignor: ${request.assignorName}`);
  const startMs = clock.monotonicMs();
  const owners = new Owners(partitionCountOf);
  const members = yield* assignableMembers(group, updated, topics, owners);
  const assignment = assignor({ members, isHomogeneous, partitionCountOf });
  yield;
  const records: ConsumerRecord[] = [];
  const pace = new Pace(MEMBERS_A_STEP);
  for (const [memberId, partitions] of changedTargets(members, group, assignment)) {
    records.push(targetMemberRecord(group.groupId, memberId, partitions));
    if (pace.endsStep()) yield;
  }
  records.push(targetRecord(group.groupId, groupEpoch, clock.wallMs()));
  const tookMs = Math.round(clock.monotonicMs() - startMs);
  logger.info(
    `group ${group.groupId}: ${request.assignorName} assignment for epoch ${groupEpoch} ` +
      `in ${tookMs} ms`,
  );
  const own = updated === null ? undefined : assignment.get(updated.memberId);
  return { records, partitions: own ?? NO_PARTITIONS };
}

const MEMBERS_A_STEP = 64;

/** All looks at a topic see as many partitions. */
function countsOnce(topics: TopicDirectory): (topicId: string) => number {
  const counts = new Map<string, number>();
  return (topicId) => {
    const known = counts.get(topicId);
    if (known !== undefined) return known;
    const name = topics.nameOf(topicId);
    const count = name === null ? 0 : (topics.partitionCountOf(name) ?? 0);
    counts.set(topicId, count);
    return count;
  };
}

/** Members that shall have something else than before, or that are new. */
export function* changedTargets(
  members: readonly AssignableMember[],
  { targetAssignment }: { readonly targetAssignment: ReadonlyMap<string, TopicPartitions> },
  assignment: GroupAssignment,
): Iterable<[string, TopicPartitions]> {
  for (const { memberId } of members) {
    const partitions = assignment.get(memberId) ?? NO_PARTITIONS;
    const former = targetAssignment.get(memberId);
    if (former === undefined || !samePartitions(former, partitions)) yield [memberId, partitions];
  }
}

/** Whether all members read the same topics, as the counts of subscriptions tell. */
export function isHomogeneous(
  regexMemberCounts: ReadonlyMap<string, number>,
  subscriptions: ReadonlyMap<string, SubscriptionCount>,
  memberCount: number,
): boolean {
  const [byRegex] = regexMemberCounts.values();
  for (const count of subscriptions.values()) {
    if (byRegex === undefined ? count.byName !== memberCount : !isByOneRegexAlone(count)) {
      return false;
    }
  }
  return byRegex === undefined || byRegex === memberCount;
}

function isByOneRegexAlone({ byName, byRegex }: SubscriptionCount): boolean {
  return byRegex === 1 && byName === 0;
}

/** The members as they are with `updated`, which may take the place of a static member. */
function* assignableMembers(
  group: ConsumerGroup,
  updated: ConsumerMember | null,
  topics: TopicDirectory,
  owners: Owners,
): Generator<undefined, AssignableMember[], undefined> {
  const instanceId = updated?.instanceId ?? null;
  const replacedId = instanceId === null ? undefined : group.staticMembers.get(instanceId);
  const members = new Map(group.members);
  if (replacedId !== undefined) members.delete(replacedId);
  if (updated !== null) {
    // Where it stands in Kafka's map, too: behind the others.
    members.delete(updated.memberId);
    members.set(updated.memberId, updated);
  }
  const ids = stringsInJavaOrder([...members.keys()], grownCapacity(members.size));
  yield;
  const topicIds = topicResolver(group, topics);
  const assignable: AssignableMember[] = [];
  const pace = new Pace(MEMBERS_A_STEP);
  for (const memberId of ids) {
    const member = members.get(memberId)!;
    const formerId = member === updated ? (replacedId ?? memberId) : memberId;
    assignable.push({
      memberId,
      instanceId: member.instanceId,
      topicIds: topicIds(member),
      partitions: owners.claim(group.targetOf(formerId)),
    });
    if (pace.endsStep()) yield;
  }
  return assignable;
}

/** Members with the same subscription, which is most of them, share a set of ids. */
function topicResolver(
  group: ConsumerGroup,
  topics: TopicDirectory,
): (member: ConsumerMember) => ReadonlySet<string> {
  const byNames = new Map<readonly string[], Map<string | null, ReadonlySet<string>>>();
  return (member) => {
    const names = member.subscribedTopicNames;
    const regex = regexOf(member);
    let byRegex = byNames.get(names);
    if (byRegex === undefined) byNames.set(names, (byRegex = new Map()));
    let ids = byRegex.get(regex);
    if (ids === undefined) {
      const matched = regex === null ? [] : (group.resolvedRegexes.get(regex)?.topics ?? []);
      ids = topicIdsOf(topics, matched.length === 0 ? names : sortedNames([...names, ...matched]));
      byRegex.set(regex, ids);
    }
    return ids;
  };
}

/**
 * A target that was written in several batches, of which the last ones were lost, may give a
 * partition to two members: the first to name it has it. A partition that a loss of power took
 * back out of the metadata counts for nobody.
 */
class Owners {
  readonly #claimed = new Map<string, Set<number>>();
  readonly #partitionCountOf: (topicId: string) => number;

  constructor(partitionCountOf: (topicId: string) => number) {
    this.#partitionCountOf = partitionCountOf;
  }

  claim(partitions: TopicPartitions): TopicPartitions {
    let own: Map<string, readonly number[]> | null = null;
    for (const [topicId, numbers] of partitions) {
      let claimed = this.#claimed.get(topicId);
      if (claimed === undefined) this.#claimed.set(topicId, (claimed = new Set()));
      const count = this.#partitionCountOf(topicId);
      const free = numbers.filter((partition) => partition < count && !claimed.has(partition));
      for (const partition of free) claimed.add(partition);
      if (free.length === numbers.length) continue;
      own ??= new Map(partitions);
      if (free.length === 0) own.delete(topicId);
      else own.set(topicId, free);
    }
    return own ?? partitions;
  }
}
