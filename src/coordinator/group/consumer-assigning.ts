/**
 * Target assignments of large groups, made in slices beside the heartbeats: until one is there,
 * members go on with what they have, as Kafka's members do while an assignment waits for its
 * interval (KIP-1263).
 *
 *   heartbeat --> in work: slice, slice, ... slice --> records of the target, all at once
 *                 `-- members and epoch of its beginning; what has changed since is for the next
 *
 * Invariant: one is in work for a group at a time.
 */
import { Pace, SLICE_MS } from "../../base/slices.ts";
import { type Effects, NO_EFFECTS } from "../outcome.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { isHomogeneous, targetInSteps } from "./consumer-target.ts";
import { encodeAhead, type GroupRecord } from "./group-records.ts";

/** To assign fewer members takes a slice or two. */
export const LARGE_GROUP_SIZE = 500;

/** Of the group as it is now. */
export function assignBeside(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  assignorName: string,
): void {
  if (group.assignmentInWork !== null) return;
  const { clock, deadline } = groups.context;
  const work = recordsInSteps(groups, group, assignorName);
  const step = deadline(() => {
    const endMs = clock.monotonicMs() + SLICE_MS;
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (clock.monotonicMs() < endMs) continue;
      step.set(0);
      return NO_EFFECTS;
    }
  });
  group.assignmentInWork = step;
  step.set(0);
}

function* recordsInSteps(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  assignorName: string,
): Generator<undefined, Effects<GroupRecord>, undefined> {
  const { groupEpoch, regexMemberCounts, subscriptions, members } = group;
  const { records } = yield* targetInSteps(groups.context, {
    group,
    groupEpoch,
    updated: null,
    assignorName,
    isHomogeneous: isHomogeneous(regexMemberCounts, subscriptions, members.size),
  });
  const pace = new Pace(RECORDS_A_STEP);
  for (const record of records) {
    encodeAhead(record);
    if (pace.endsStep()) yield;
  }
  group.assignmentInWork = null;
  // Whoever has left meanwhile gets nothing.
  const wanted = records.filter(
    (record) => record.type !== "consumerTargetMember" || group.members.has(record.member),
  );
  const isLate = groups.get(group.groupId) !== group || group.assignmentEpoch >= groupEpoch;
  return isLate ? NO_EFFECTS : { records: wanted, isAtomic: false };
}

const RECORDS_A_STEP = 32;
