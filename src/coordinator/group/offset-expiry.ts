/**
 * Which committed offsets have outlived their use (KIP-211):
 *
 *   group                             kept for offsets.retention.minutes since
 *   empty, was joined once            it became empty
 *   stable, of consumers              the commit, for topics that nobody in it subscribes to
 *   simple (offsets only)             the commit
 *   with epochs                       the commit, for topics that nobody in it subscribes to
 *   any other                         kept
 *
 * An offset with an expiry of its own (requests of versions 2 to 4) goes by that instead.
 */
import { ClassicGroup } from "./classic-group.ts";
import { NO_EXPIRY, type GroupRecord } from "./group-records.ts";
import type { CommittedOffset, OffsetStore } from "./offset-store.ts";
import { offsetTombstone } from "./offset-requests.ts";

/** A classic group, or one with epochs. */
export interface ExpiringGroup {
  readonly groupId: string;
  isSubscribedTo(topicName: string): boolean;
}

/** Adds a tombstone for each expired offset to `records`; true when the group has none left. */
export function expireOffsets(
  store: OffsetStore,
  group: ExpiringGroup,
  nowMs: number,
  retentionMs: number,
  records: GroupRecord[],
): boolean {
  const { groupId } = group;
  const topics = store.committed.ofGroup(groupId);
  let allExpired = !store.hasOpenTransaction(groupId);
  if (topics === undefined) return allExpired;
  if (!mayExpire(group)) return false;
  const sinceMs = emptySinceMs(group);
  for (const [topic, partitions] of topics) {
    if (group.isSubscribedTo(topic)) {
      allExpired = false;
      continue;
    }
    for (const [partition, offset] of partitions) {
      if (
        isExpired(offset, sinceMs, nowMs, retentionMs) &&
        !store.isPending(groupId, topic, partition)
      ) {
        records.push(offsetTombstone(groupId, topic, partition));
      } else {
        allExpired = false;
      }
    }
  }
  return allExpired;
}

/** Negative where that is not what counts. */
function emptySinceMs(group: ExpiringGroup): number {
  if (!(group instanceof ClassicGroup) || group.protocolType === null) return -1;
  return group.state === "Empty" ? group.stateSinceMs : -1;
}

function mayExpire(group: ExpiringGroup): boolean {
  if (!(group instanceof ClassicGroup)) return true;
  if (group.protocolType === null || group.state === "Empty") return true;
  return group.state === "Stable" && group.usesConsumerProtocol && group.subscribedTopics !== null;
}

/** `sinceMs` is negative where the commit's own time counts. */
function isExpired(
  offset: CommittedOffset,
  sinceMs: number,
  nowMs: number,
  retentionMs: number,
): boolean {
  if (offset.expireTimestampMs !== NO_EXPIRY) return nowMs >= offset.expireTimestampMs;
  return nowMs - (sinceMs < 0 ? offset.commitTimestampMs : sinceMs) >= retentionMs;
}
