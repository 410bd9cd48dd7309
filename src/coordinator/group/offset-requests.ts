/** OffsetCommit, OffsetFetch and OffsetDelete, once topics are resolved and allowed. */
import { INT64_MAX } from "../../protocol/schema.ts";
import { finishNow, Pace, Slices, type Steps } from "../../base/slices.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import type { Clock } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Effects } from "../outcome.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { OffsetCommitRequest, OffsetCommitResponse } from "./group-messages.ts";
import type { OffsetDeleteRequest, OffsetDeleteResponse } from "./group-messages.ts";
import type { OffsetFetchRequest, OffsetFetchResponse } from "./group-messages.ts";
import type { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "./group-messages.ts";
import { encodeAhead, NO_EXPIRY, type OffsetCommitRecord } from "./group-records.ts";
import type { CommittedOffset, OffsetStore } from "./offset-store.ts";

export type FetchGroup = OffsetFetchRequest["groups"][number];
export type FetchedGroup = NonNullable<OffsetFetchResponse["groups"]>[number];
export type FetchedTopic = NonNullable<FetchedGroup["topics"]>[number];
type FetchedPartition = NonNullable<FetchedTopic["partitions"]>[number];
export type CommittedTopic = OffsetCommitResponse["topics"][number];
export type TransactionalTopic = TxnOffsetCommitResponse["topics"][number];
type CommitPartition = OffsetCommitRequest["topics"][number]["partitions"][number];

/** From here on clients know the error of a group that does not exist. */
const GROUP_ID_NOT_FOUND_VERSION = 9;
/** "As the broker has it": what versions without the field, and most others, say. */
export const DEFAULT_RETENTION_MS = -1;
const NO_OFFSET = -1;
const NO_EPOCH = -1;
const PARTITIONS_A_STEP = 64;

/** Whether the request may commit; null stands for a group that does not exist. */
export function checkCommit(
  group: ClassicGroup | null,
  request: OffsetCommitRequest,
  apiVersion: number,
): ErrorCode {
  const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request;
  if (group === null) {
    // Without a generation: an admin client, or a consumer that does without membership.
    if (generationId < 0) return ErrorCode.NONE;
    const isKnown = apiVersion >= GROUP_ID_NOT_FOUND_VERSION;
    return isKnown ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
  }
  if (generationId < 0 && group.state === "Empty") return ErrorCode.NONE;
  if (generationId < 0 && memberId === "" && groupInstanceId === null) {
    return ErrorCode.UNKNOWN_MEMBER_ID;
  }
  const error = group.checkMember(memberId, groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  // The member has the new generation already, and no assignment in it.
  if (group.state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
  return ErrorCode.NONE;
}

/**
 * Whether the request may commit; null stands for a group that does not exist. Producers of older
 * versions name no member and no generation, and are believed (KIP-447).
 */
export function checkTransactionalCommit(
  group: ClassicGroup | null,
  request: TxnOffsetCommitRequest,
): ErrorCode {
  const { memberId, groupInstanceId, generationId } = request;
  if (group === null) return generationId < 0 ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
  if (generationId < 0 && group.state === "Empty") return ErrorCode.NONE;
  if (generationId < 0 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
  const error = group.checkMember(memberId, groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  return generationId === group.generationId ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

/** As a plain commit would have it. The record of a transaction has no topic id, as in Kafka. */
export function asPlainTopics(request: TxnOffsetCommitRequest) {
  return request.topics.map((topic) => ({ ...topic, topicId: ZERO_UUID }));
}

export interface PreparedCommit {
  readonly records: readonly OffsetCommitRecord[];
  /** What becomes of each partition. */
  readonly topics: CommittedTopic[];
}

export type CommitContent = Pick<OffsetCommitRequest, "groupId" | "retentionTimeMs" | "topics">;

/** A commit as it is, if the group allows it. */
export function newCommit(
  request: CommitContent,
  nowMs: number,
  metadataSizeMax: number,
): PreparedCommit {
  return finishNow(commitSteps(request, nowMs, metadataSizeMax));
}

function* commitSteps(
  request: CommitContent,
  nowMs: number,
  metadataSizeMax: number,
): Steps<PreparedCommit> {
  const topics: CommittedTopic[] = [];
  const records: OffsetCommitRecord[] = [];
  const expireTimestamp = expiryOf(request.retentionTimeMs, nowMs);
  const pace = new Pace(PARTITIONS_A_STEP);
  for (const { name, topicId, partitions } of request.topics) {
    const results: { partitionIndex: number; errorCode: ErrorCode }[] = [];
    for (const partition of partitions) {
      if (pace.endsStep()) yield;
      const { partitionIndex, committedMetadata } = partition;
      if ((committedMetadata?.length ?? 0) > metadataSizeMax) {
        results.push({ partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE });
        continue;
      }
      const value = offsetValue(partition, nowMs, expireTimestamp, topicId);
      const record = { type: "offsetCommit", group: request.groupId, topic: name } as const;
      records.push({ ...record, partition: partitionIndex, value });
      results.push({ partitionIndex, errorCode: ErrorCode.NONE });
    }
    topics.push({ name, topicId, partitions: results });
  }
  return { records, topics };
}

/** The same for very many partitions: their records are encoded in slices, before they count. */
export async function prepareCommit(
  request: CommitContent,
  clock: Clock,
  metadataSizeMax: number,
): Promise<PreparedCommit> {
  const slices = new Slices(clock);
  const prepared = await slices.finish(commitSteps(request, clock.wallMs(), metadataSizeMax));
  await slices.map(prepared.records, encodeAhead);
  return prepared;
}

/** Offsets of the topics that are asked for; of all that the group has, where those are null. */
export function fetchOffsets(
  store: OffsetStore,
  request: FetchGroup,
  requireStable: boolean,
): FetchedTopic[] {
  const { groupId } = request;
  const known = store.committed.ofGroup(groupId);
  if (request.topics !== null) {
    return request.topics.map(({ name, topicId, partitionIndexes }) => ({
      name,
      topicId,
      partitions: partitionIndexes.map((partition) => {
        if (requireStable && store.isPending(groupId, name, partition)) return unstable(partition);
        const offset = known?.get(name)?.get(partition);
        const isOther = offset !== undefined && isOtherTopic(offset.topicId, topicId);
        return fetched(partition, isOther ? undefined : offset);
      }),
    }));
  }
  return [...(known ?? [])].map(([name, partitions]) => ({
    name,
    topicId: ZERO_UUID,
    partitions: [...partitions].map(([partition, offset]) =>
      requireStable && store.isPending(groupId, name, partition)
        ? unstable(partition)
        : fetched(partition, offset),
    ),
  }));
}

/** KIP-496: forgets offsets of topics that the group does not read at present. */
export function deleteOffsets(
  store: OffsetStore,
  group: { isSubscribedTo(topicName: string): boolean } | null,
  request: OffsetDeleteRequest,
): Effects<OffsetCommitRecord> & { readonly response: OffsetDeleteResponse } {
  const records: OffsetCommitRecord[] = [];
  const topics = request.topics.map(({ name, partitions }) => {
    const isSubscribed = group?.isSubscribedTo(name) ?? false;
    const errorCode = isSubscribed ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    for (const { partitionIndex } of isSubscribed ? [] : partitions) {
      if (!isKnown(store, request.groupId, name, partitionIndex)) continue;
      records.push(offsetTombstone(request.groupId, name, partitionIndex));
    }
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    };
  });
  return { records, response: { errorCode: ErrorCode.NONE, throttleTimeMs: 0, topics } };
}

/** Tombstones for all that the group has, also in open transactions. */
export function tombstonesOf(store: OffsetStore, groupId: string): OffsetCommitRecord[] {
  const records: OffsetCommitRecord[] = [];
  for (const [topic, partitions] of store.committed.ofGroup(groupId) ?? []) {
    for (const partition of partitions.keys()) {
      records.push(offsetTombstone(groupId, topic, partition));
    }
  }
  for (const [topic, partitions] of store.open.ofGroup(groupId) ?? []) {
    for (const partition of partitions.keys()) {
      if (store.committed.get(groupId, topic, partition) !== undefined) continue;
      records.push(offsetTombstone(groupId, topic, partition));
    }
  }
  return records;
}

/** Tombstones for the offsets of any group that belong to deleted topics. */
export function tombstonesOfTopics(
  store: OffsetStore,
  deleted: readonly { readonly name: string; readonly id: string }[],
): OffsetCommitRecord[] {
  const records: OffsetCommitRecord[] = [];
  for (const table of [store.committed, ...store.pending.values()]) {
    for (const [group, topics] of table.byGroup) {
      for (const { name, id } of deleted) {
        for (const [partition, offset] of topics.get(name) ?? []) {
          // Records of old versions do not tell of which topic of that name they were.
          if (isOtherTopic(offset.topicId, id)) continue;
          records.push(offsetTombstone(group, name, partition));
        }
      }
    }
  }
  return records;
}

export function offsetTombstone(
  group: string,
  topic: string,
  partition: number,
): OffsetCommitRecord {
  return { type: "offsetCommit", group, topic, partition, value: null };
}

function isKnown(store: OffsetStore, group: string, topic: string, partition: number): boolean {
  return (
    store.committed.get(group, topic, partition) !== undefined ||
    store.isPending(group, topic, partition)
  );
}

/** Versions 2 to 4 name how long the broker shall keep the offset. */
function expiryOf(retentionTimeMs: number, nowMs: number): number {
  if (retentionTimeMs === DEFAULT_RETENTION_MS) return NO_EXPIRY;
  const timestamp = nowMs + retentionTimeMs;
  return timestamp <= Number.MAX_SAFE_INTEGER ? timestamp : INT64_MAX;
}

function offsetValue(
  partition: CommitPartition,
  nowMs: number,
  expireTimestamp: number,
  topicId: string,
): NonNullable<OffsetCommitRecord["value"]> {
  // The one version of the record that has an expiry has neither epoch nor topic id.
  const expires = expireTimestamp !== NO_EXPIRY;
  return {
    offset: partition.committedOffset,
    leaderEpoch: expires ? NO_EPOCH : partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? "",
    commitTimestamp: nowMs,
    expireTimestamp,
    topicId: expires ? ZERO_UUID : topicId,
  };
}

/** The offset was committed for a topic that had the same name once. */
function isOtherTopic(actual: string, expected: string): boolean {
  return actual !== ZERO_UUID && expected !== ZERO_UUID && actual !== expected;
}

function fetched(partitionIndex: number, offset: CommittedOffset | undefined): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: offset?.offset ?? NO_OFFSET,
    committedLeaderEpoch: offset?.leaderEpoch ?? NO_EPOCH,
    metadata: offset?.metadata ?? "",
    errorCode: ErrorCode.NONE,
  };
}

function unstable(partitionIndex: number): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: NO_OFFSET,
    committedLeaderEpoch: NO_EPOCH,
    metadata: "",
    errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT,
  };
}
