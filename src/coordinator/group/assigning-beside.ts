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
import { Pace, SLICE_MS, type Steps } from "../../base/slices.ts";
import { type Effects, NO_EFFECTS } from "../outcome.ts";
import type { EpochGroup, EpochMember } from "./epoch-group.ts";
import type { GroupContext } from "./group-context.ts";
import type { EpochGroups } from "./epoch-groups.ts";
import { encodeAhead, type GroupRecord } from "./group-records.ts";

/** To assign fewer members takes a slice or two. */
export const LARGE_GROUP_SIZE = 500;

/** `begin` is called only where none is in work. */
export function assignBeside(
  { clock, deadline }: GroupContext,
  group: EpochGroup<EpochMember>,
  begin: () => Steps<Effects<GroupRecord>>,
): void {
  if (group.assignmentInWork !== null) return;
  const work = begin();
  const step = deadline(() => {
    const endMs = clock.monotonicMs() + SLICE_MS;
    for (;;) {
      const { done, value } = work.next();
      if (done === true) {
        group.assignmentInWork = null;
        return value;
      }
      if (clock.monotonicMs() < endMs) continue;
      step.set(0);
      return NO_EFFECTS;
    }
  });
  group.assignmentInWork = step;
  step.set(0);
}

/** What becomes of a target for `groupEpoch` that took a while. */
export function* targetEffects<M extends EpochMember, G extends EpochGroup<M>>(
  groups: EpochGroups<G, M>,
  group: G,
  groupEpoch: number,
  records: readonly GroupRecord[],
): Steps<Effects<GroupRecord>> {
  const pace = new Pace(RECORDS_A_STEP);
  for (const record of records) {
    encodeAhead(record);
    if (pace.endsStep()) yield;
  }
  const isLate = groups.get(group.groupId) !== group || group.assignmentEpoch >= groupEpoch;
  if (isLate) return NO_EFFECTS;
  // Whoever has left meanwhile gets nothing.
  const wanted = records.filter((record) => !isTarget(record) || group.members.has(record.member));
  return { records: wanted, isAtomic: false };
}

type TargetMember = Extract<GroupRecord, { type: (typeof TARGETS)[number] }>;

function isTarget(record: GroupRecord): record is TargetMember {
  return (TARGETS as readonly string[]).includes(record.type);
}

const TARGETS = ["consumerTargetMember", "shareTargetMember", "streamsTargetMember"] as const;
const RECORDS_A_STEP = 32;
