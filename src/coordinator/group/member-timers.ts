/**
 * How long a member of a group with epochs may be silent, and how long it may keep what it must
 * give back.
 */
import type { Deadline } from "../deadlines.ts";
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import type { EpochGroup, EpochMember } from "./epoch-group.ts";
import type { GroupContext } from "./group-context.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";

/** Takes a member out of its group; refused where the group cannot go on without it. */
export type Removal<M extends EpochMember> = (member: M) => Effects<GroupRecord> | GroupRefusal;

/** Kafka has no setting for it: a timer whose records were refused tries again. */
const RETRY_MS = 500;

/** Begins the session of a member anew. */
export function setSession<M extends EpochMember>(
  context: GroupContext,
  group: EpochGroup<M>,
  memberId: string,
  timeoutMs: number,
  remove: Removal<M>,
): void {
  const timers = group.timersOf(memberId);
  timers.session ??= context.deadline(() =>
    timeIsUp(context, group, memberId, "sent no heartbeat in time", timers.session, remove),
  );
  timers.session.set(timeoutMs);
}

/** A member that must give something back has so much time for it. */
export function setRebalance<M extends EpochMember & { readonly rebalanceTimeoutMs: number }>(
  context: GroupContext,
  group: EpochGroup<M>,
  { memberId, memberEpoch, rebalanceTimeoutMs }: M,
  remove: Removal<M>,
): void {
  const timers = group.timersOf(memberId);
  timers.rebalance?.cancel();
  timers.rebalance = context.deadline(() => {
    // It has given back what that epoch asked for.
    if (group.members.get(memberId)?.memberEpoch !== memberEpoch) return NO_EFFECTS;
    const reason = `did not leave epoch ${memberEpoch} in time`;
    return timeIsUp(context, group, memberId, reason, timers.rebalance, remove);
  });
  timers.rebalance.set(rebalanceTimeoutMs);
}

/** `deadline` is the one that has come: it is set again where the log takes nothing now. */
export function timeIsUp<M extends EpochMember>(
  { logger }: GroupContext,
  group: EpochGroup<M>,
  memberId: string,
  reason: string,
  deadline: Deadline | undefined,
  remove: Removal<M>,
): Effects<GroupRecord> {
  const member = group.members.get(memberId);
  if (member === undefined) return NO_EFFECTS;
  logger.info(`group ${group.groupId}: member ${memberId} ${reason} and is removed`);
  const outcome = remove(member);
  const refused = (): void => deadline?.set(RETRY_MS);
  if (!(outcome instanceof GroupRefusal)) return { ...outcome, refused };
  logger.warn(`group ${group.groupId}: ${outcome.errorMessage}`);
  return NO_EFFECTS;
}
