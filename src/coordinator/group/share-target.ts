/** The target assignment of a share group: what its assignor makes of its members and topics. */
import type { Steps } from "../../base/slices.ts";
import type { Effects } from "../outcome.ts";
import { targetEffects } from "./assigning-beside.ts";
import { type GroupAssignment, topicIdsOf } from "./assignor.ts";
import { changedTargets } from "./consumer-target.ts";
import type { GroupRecord } from "./group-records.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { ShareGroup, ShareMember } from "./share-group.ts";
import {
  type ShareGroupRecord,
  shareTargetMemberRecord,
  shareTargetRecord,
} from "./share-group-records.ts";
import type { ShareGroups } from "./share-groups.ts";
import { assignSimplyInSteps } from "./simple-assignor.ts";

export interface ShareTargetRequest {
  readonly group: ShareGroup;
  readonly groupEpoch: number;
  /** As a request makes it, in the place of the one that the group has; null: all as they are. */
  readonly updated: ShareMember | null;
  /** How many members name a topic. */
  readonly subscriptions: ReadonlyMap<string, number>;
}

export interface NewShareTarget {
  readonly records: ShareGroupRecord[];
  readonly assignment: GroupAssignment;
}

/** Between the steps members and topics may change: it is of its beginning. */
export function* shareTargetInSteps(
  { context }: ShareGroups,
  { group, groupEpoch, updated, subscriptions }: ShareTargetRequest,
): Steps<NewShareTarget> {
  const { clock, logger } = context;
  const { groupId } = group;
  const startMs = clock.monotonicMs();
  const members = assignableMembers(group, updated, context.topics);
  const { initialized } = group.knownTopics;
  yield;
  const assignment = yield* assignSimplyInSteps({
    members,
    isHomogeneous: [...subscriptions.values()].every((count) => count === members.length),
    assignablePartitions: (topicId) => initialized.get(topicId)?.partitions ?? [],
  });
  const records: ShareGroupRecord[] = [];
  for (const [memberId, partitions] of changedTargets(members, group, assignment)) {
    records.push(shareTargetMemberRecord(groupId, memberId, partitions));
  }
  records.push(shareTargetRecord(groupId, groupEpoch, clock.wallMs()));
  const tookMs = Math.round(clock.monotonicMs() - startMs);
  logger.info(`group ${groupId}: simple assignment for epoch ${groupEpoch} in ${tookMs} ms`);
  return { records, assignment };
}

/** Of a large group, as it is now, beside its heartbeats. */
export function* shareTargetSteps(
  groups: ShareGroups,
  group: ShareGroup,
): Steps<Effects<GroupRecord>> {
  const { groupEpoch, subscriptions } = group;
  const request = { group, groupEpoch, updated: null, subscriptions: new Map(subscriptions) };
  const { records } = yield* shareTargetInSteps(groups, request);
  return yield* targetEffects(groups, group, groupEpoch, records);
}

function assignableMembers(
  group: ShareGroup,
  updated: ShareMember | null,
  topics: ShareGroups["context"]["topics"],
) {
  const others = [...group.members.keys()].filter((memberId) => memberId !== updated?.memberId);
  const ids = updated === null ? others : [...others, updated.memberId];
  return stringsInJavaOrder(ids, grownCapacity(ids.length)).map((memberId) => {
    const member = memberId === updated?.memberId ? updated : group.members.get(memberId)!;
    return {
      memberId,
      instanceId: null,
      topicIds: topicIdsOf(topics, member.subscribedTopicNames),
      partitions: group.targetOf(memberId),
    };
  });
}
