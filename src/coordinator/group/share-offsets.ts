/**
 * What administrators do to the offsets of a share group, as far as the group has a part in it: it
 * remembers which partitions have a state, and the share coordinator keeps it. So each is done in
 * two steps, with the share coordinator between them (share-offset-handler.ts).
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import { answered, type Effects, NO_EFFECTS, type Outcome } from "../outcome.ts";
import { ascending, type TopicPartitions } from "./assignor.ts";
import type {
  AlterShareOffsetsRequest,
  AlterShareOffsetsResponse,
  DeleteShareOffsetsRequest,
  DeleteShareOffsetsResponse,
} from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import type { ShareGroup } from "./share-group.ts";
import { shareStateRecord } from "./share-group-records.ts";
import type { ShareGroups } from "./share-groups.ts";
import { shareGroupOf } from "./share-heartbeat.ts";
import {
  deletableTopics,
  NO_STATE_TOPICS,
  partitionsOf,
  type StateTopic,
  type StateTopics,
  wholeTopic,
  withInitialized,
  withInitializing,
  withoutInitializing,
  withoutTopics,
} from "./share-state-topics.ts";

type AlteredTopic = NonNullable<AlterShareOffsetsResponse["responses"]>[number];
type DeletedTopic = DeleteShareOffsetsResponse["responses"][number];

/** By topic id and partition: where the group shall begin. */
export type NewOffsets = ReadonlyMap<string, ReadonlyMap<number, number>>;

export interface Alteration {
  readonly stateEpoch: number;
  readonly offsets: NewOffsets;
  readonly responses: AlteredTopic[];
}

export interface Deletion {
  /** Of which the share coordinator shall forget the state. */
  readonly partitions: TopicPartitions;
  /** Topics of the request that have none. */
  readonly responses: DeletedTopic[];
}

type Answer<T> = Outcome<GroupRecord, T>;

// ---- Beginnings --------------------------------------------------------------------------------

/** The share coordinator has begun a state for the partitions: they may be assigned. */
export function stateInitialized(
  groups: ShareGroups,
  groupId: string,
  partitions: TopicPartitions,
): Effects<GroupRecord> {
  const { topics } = groups.context;
  return changed(groups, groupId, (state) => withInitialized(state, partitions, topics));
}

/** It could not: the next heartbeat tries again. */
export function stateNotInitialized(
  groups: ShareGroups,
  groupId: string,
  partitions: TopicPartitions,
): Effects<GroupRecord> {
  return changed(groups, groupId, (state) =>
    state.initializing.size === 0 ? null : withoutInitializing(state, partitions),
  );
}

// ---- AlterShareGroupOffsets --------------------------------------------------------------------

/** Only a group without members may be sent elsewhere; one that does not exist begins with it. */
export function alterShareOffsets(
  groups: ShareGroups,
  { groupId, topics }: AlterShareOffsetsRequest,
): Answer<Alteration | GroupRefusal> {
  const group = shareGroupOf(groups, groupId, true);
  if (group instanceof GroupRefusal) return answered<Alteration | GroupRefusal>(group);
  if (!group.isEmpty) return answered<Alteration | GroupRefusal>(notEmpty());
  const negative = negativePartition(groups, groupId, topics);
  if (negative !== null) return answered<Alteration | GroupRefusal>(negative);
  const begun = new Map<string, StateTopic>();
  const offsets = new Map<string, Map<number, number>>();
  const directory = groups.context.topics;
  const responses = topics.map(({ topicName, partitions }): AlteredTopic => {
    const topicId = directory.idOf(topicName);
    const isKnown = (index: number) => index < (directory.partitionCountOf(topicName) ?? 0);
    const known = partitions.filter(({ partitionIndex }) => isKnown(partitionIndex));
    if (topicId !== null) {
      const numbers = ascending(known.map(({ partitionIndex }) => partitionIndex));
      begun.set(topicId, { name: topicName, partitions: numbers, timestampMs: 0 });
    }
    if (topicId !== null && known.length > 0) {
      const starts = known.map(({ partitionIndex, startOffset }): [number, number] => [
        partitionIndex,
        startOffset,
      ]);
      offsets.set(topicId, new Map(starts));
    }
    return {
      topicName,
      topicId: topicId ?? ZERO_UUID,
      partitions: partitions.map(({ partitionIndex }) =>
        alteredPartition(
          partitionIndex,
          isKnown(partitionIndex) ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ),
      ),
    };
  });
  const state = withInitializing(group.knownTopics, begun);
  const records = begun.size === 0 ? [] : [shareStateRecord(groupId, state, directory)];
  return { records, response: { stateEpoch: group.groupEpoch, offsets, responses } };
}

/** Kafka's way to the share coordinator fails over it. */
function negativePartition(
  groups: ShareGroups,
  groupId: string,
  topics: AlterShareOffsetsRequest["topics"],
): GroupRefusal | null {
  for (const { topicName, partitions } of topics) {
    const odd = partitions.find(({ partitionIndex }) => partitionIndex < 0);
    const topicId = groups.context.topics.idOf(topicName);
    if (odd === undefined || topicId === null) continue;
    return new GroupRefusal(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      "Initialize share group parameters has invalid partitionId - " +
        `${groupId} ${topicId} ${odd.partitionIndex}`,
    );
  }
  return null;
}

export function alteredPartition(
  partitionIndex: number,
  errorCode: ErrorCode,
  errorMessage = errorCode === ErrorCode.NONE ? null : errorText(errorCode),
): AlteredTopic["partitions"][number] {
  return { partitionIndex, errorCode, errorMessage };
}

// ---- DeleteShareGroupOffsets, DeleteGroups -----------------------------------------------------

export function beginShareDeletion(
  groups: ShareGroups,
  { groupId, topics }: DeleteShareOffsetsRequest,
): Answer<Deletion | GroupRefusal> {
  const group = emptyShareGroup(groups, groupId);
  if (group instanceof GroupRefusal) return answered<Deletion | GroupRefusal>(group);
  const partitions = new Map<string, readonly number[]>();
  const responses: DeletedTopic[] = [];
  if (group.stateTopics === null) return answered<Deletion>({ partitions, responses });
  const directory = groups.context.topics;
  const initialized = new Map(group.stateTopics.initialized);
  const deleting = new Set(group.stateTopics.deleting);
  for (const { topicName } of topics) {
    const topicId = directory.idOf(topicName);
    const topic =
      topicId === null
        ? undefined
        : (initialized.get(topicId) ??
          (deleting.has(topicId) ? wholeTopic(topicId, directory) : undefined));
    if (topicId === null || topic === undefined || topic === null) {
      responses.push(undeletedTopic(topicName, topicId));
      continue;
    }
    partitions.set(topicId, topic.partitions);
    initialized.delete(topicId);
    deleting.add(topicId);
  }
  const state = { ...group.stateTopics, initialized, deleting };
  return {
    records: [shareStateRecord(groupId, state, directory)],
    response: { partitions, responses },
  };
}

/** The share coordinator has forgotten the topics. */
export function endShareDeletion(
  groups: ShareGroups,
  groupId: string,
  topicIds: readonly string[],
): Effects<GroupRecord> {
  return changed(groups, groupId, (state) => {
    const deleting = new Set(state.deleting);
    for (const topicId of topicIds) deleting.delete(topicId);
    return { ...state, deleting };
  });
}

/** Before the group itself goes: null where the share coordinator need not be asked. */
export function beginShareGroupDeletion(
  groups: ShareGroups,
  groupId: string,
): Answer<TopicPartitions | GroupRefusal | null> {
  const group = groups.get(groupId);
  if (group === undefined) return answered<TopicPartitions | null>(null);
  if (!group.isEmpty) return answered<GroupRefusal | null>(notEmpty());
  if (group.stateTopics === null) return answered<TopicPartitions | null>(null);
  const { topics } = groups.context;
  const gone = deletableTopics(group.stateTopics, topics);
  const state = { ...NO_STATE_TOPICS, deleting: new Set(gone.keys()) };
  return {
    records: [shareStateRecord(groupId, state, topics)],
    response: gone.size === 0 ? null : partitionsOf(gone),
  };
}

// ---- Topics that are deleted -------------------------------------------------------------------

/** The share coordinator forgets them by itself. */
export function withoutDeletedTopics(
  groups: ShareGroups,
  topicIds: ReadonlySet<string>,
): GroupRecord[] {
  return [...groups.byId.keys()].flatMap(
    (groupId) => changed(groups, groupId, (state) => withoutTopics(state, topicIds)).records,
  );
}

// ---- Helpers -----------------------------------------------------------------------------------

function changed(
  groups: ShareGroups,
  groupId: string,
  change: (state: StateTopics) => StateTopics | null,
): Effects<GroupRecord> {
  const group = groups.get(groupId);
  if (group === undefined) return NO_EFFECTS;
  const state = change(group.knownTopics);
  if (state === null) return NO_EFFECTS;
  return { records: [shareStateRecord(groupId, state, groups.context.topics)] };
}

function emptyShareGroup(groups: ShareGroups, groupId: string): ShareGroup | GroupRefusal {
  const group = groups.get(groupId);
  if (group === undefined) {
    return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, groups.absence(groupId));
  }
  return group.isEmpty ? group : notEmpty();
}

function notEmpty(): GroupRefusal {
  return new GroupRefusal(ErrorCode.NON_EMPTY_GROUP, errorText(ErrorCode.NON_EMPTY_GROUP));
}

function undeletedTopic(topicName: string, topicId: string | null): DeletedTopic {
  const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const errorMessage =
    topicId === null ? errorText(errorCode) : "There is no offset information to delete.";
  return { topicName, topicId: ZERO_UUID, errorCode, errorMessage };
}
