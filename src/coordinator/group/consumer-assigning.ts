/** A new target assignment of a large consumer group, as it is now, beside its heartbeats. */
import type { Steps } from "../../base/slices.ts";
import type { Effects } from "../outcome.ts";
import { targetEffects } from "./assigning-beside.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { isHomogeneous, targetInSteps } from "./consumer-target.ts";
import type { GroupRecord } from "./group-records.ts";

export function* consumerTargetSteps(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  assignorName: string,
): Steps<Effects<GroupRecord>> {
  const { groupEpoch, regexMemberCounts, subscriptions, members } = group;
  const { records } = yield* targetInSteps(groups.context, {
    group,
    groupEpoch,
    updated: null,
    assignorName,
    isHomogeneous: isHomogeneous(regexMemberCounts, subscriptions, members.size),
  });
  return yield* targetEffects(groups, group, groupEpoch, records);
}
