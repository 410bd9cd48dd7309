/**
 * OffsetCommit, OffsetFetch and OffsetDelete around the group's own part: topics are turned from
 * ids to names and back, unknown and forbidden ones are answered here, and each version gets its
 * form.
 */
import { Slices } from "../../base/slices.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import type { Clock } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { answered, type Outcome } from "../outcome.ts";
import type { GroupConfig } from "./group-config.ts";
import type * as messages from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import type { GroupShard } from "./group-shard.ts";
import { prepareCommit } from "./offset-requests.ts";
import type { CommittedTopic, FetchedGroup, FetchedTopic, FetchGroup } from "./offset-requests.ts";
import type { TopicDirectory } from "./topic-directory.ts";

type CommitTopic = messages.OffsetCommitRequest["topics"][number];
type DeleteTopic = messages.OffsetDeleteRequest["topics"][number];
type DeletedTopic = messages.OffsetDeleteResponse["topics"][number];

/** From here on topics are named by their ids, in commits and fetches alike. */
const TOPIC_ID_VERSION = 10;
/** From here on one request asks for many groups. */
const MANY_GROUPS_VERSION = 8;
/** From here on an error of the whole group has a field of its own. */
const GROUP_ERROR_VERSION = 2;

export interface OffsetHandlerOptions {
  readonly topics: TopicDirectory;
  readonly clock: Clock;
  readonly config: GroupConfig;
}

/** Runs an operation where the group lives. */
export type RunInGroup = <T>(
  groupId: string,
  operation: (shard: GroupShard) => Outcome<GroupRecord, T>,
  failure: (error: ErrorCode) => T,
) => Promise<T>;

/** Commits of so many partitions are prepared in slices. */
const MANY_PARTITIONS = 500;

export class OffsetHandler {
  readonly #topics: TopicDirectory;
  readonly #clock: Clock;
  readonly #config: GroupConfig;
  readonly #run: RunInGroup;

  constructor({ topics, clock, config }: OffsetHandlerOptions, run: RunInGroup) {
    this.#topics = topics;
    this.#clock = clock;
    this.#config = config;
    this.#run = run;
  }

  async commit(
    request: messages.OffsetCommitRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetCommitResponse> {
    const refused: CommittedTopic[] = [];
    const topics: CommitTopic[] = [];
    const slices = areMany(request.topics) ? new Slices(this.#clock) : null;
    for (const topic of request.topics) {
      const known = this.#resolveCommit(topic, from, refused);
      if (known !== null) topics.push(known);
      if (slices?.isOver === true) await slices.next();
    }
    if (topics.length === 0) return { topics: refused };
    const allowed = { ...request, topics };
    const prepared = areMany(topics)
      ? await prepareCommit(allowed, this.#clock, this.#config.offsetMetadataMaxBytes)
      : null;
    const result = await this.#run<CommittedTopic[] | ErrorCode>(
      request.groupId,
      (shard) => shard.commit(allowed, from.apiVersion, prepared),
      (error) => error,
    );
    const answeredTopics =
      typeof result === "number" ? topics.map((topic) => failedCommit(topic, result)) : result;
    return { topics: merge(refused, answeredTopics) };
  }

  async fetch(
    request: messages.OffsetFetchRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetFetchResponse> {
    const { apiVersion } = from;
    if (apiVersion >= MANY_GROUPS_VERSION) {
      const groups = request.groups.map((group) =>
        this.#fetchGroup(group, request.requireStable, from),
      );
      return { topics: [], groups: await Promise.all(groups) };
    }
    const group = await this.#fetchGroup(groupOf(request), request.requireStable, from);
    const topics = group.topics.map(({ name = "", partitions }) => ({ name, partitions }));
    return { topics, errorCode: group.errorCode, groups: [] };
  }

  async delete(
    request: messages.OffsetDeleteRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetDeleteResponse> {
    const refused: DeletedTopic[] = [];
    const topics: DeleteTopic[] = [];
    for (const topic of request.topics) {
      const known = this.#resolveDelete(topic, from, refused);
      if (known !== null) topics.push(known);
    }
    const response = await this.#run(
      request.groupId,
      (shard) => shard.deleteOffsets({ ...request, topics }),
      (errorCode): messages.OffsetDeleteResponse => ({ errorCode, throttleTimeMs: 0, topics: [] }),
    );
    if (response.errorCode !== ErrorCode.NONE) return response;
    return { ...response, topics: merge(refused, response.topics) };
  }

  /** The topic with what may be committed of it; the rest goes to `refused`. */
  #resolveCommit(
    topic: CommitTopic,
    from: messages.RequestContext,
    refused: CommittedTopic[],
  ): CommitTopic | null {
    const byId = from.apiVersion >= TOPIC_ID_VERSION;
    const name = byId ? this.#topics.nameOf(topic.topicId) : topic.name;
    if (name === null) {
      refused.push(failedCommit(topic, ErrorCode.UNKNOWN_TOPIC_ID));
      return null;
    }
    const topicId = byId ? topic.topicId : this.#topics.idOf(name);
    if (!isAllowed(from, name)) {
      refused.push(failedCommit({ ...topic, name }, ErrorCode.TOPIC_AUTHORIZATION_FAILED));
      return null;
    }
    if (topicId === null) {
      refused.push(failedCommit(topic, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
      return null;
    }
    const there = (partition: { partitionIndex: number }): boolean =>
      this.#topics.hasPartition(name, partition.partitionIndex);
    const missing = topic.partitions.filter((partition) => !there(partition));
    if (missing.length > 0) {
      const lost = { name, topicId, partitions: missing };
      refused.push(failedCommit(lost, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
    const partitions = missing.length === 0 ? topic.partitions : topic.partitions.filter(there);
    return partitions.length === 0 ? null : { name, topicId, partitions };
  }

  #resolveDelete(
    topic: DeleteTopic,
    from: messages.RequestContext,
    refused: DeletedTopic[],
  ): DeleteTopic | null {
    const { name } = topic;
    if (!isAllowed(from, name)) {
      refused.push(failedDelete(topic, ErrorCode.TOPIC_AUTHORIZATION_FAILED));
      return null;
    }
    const there = (partition: { partitionIndex: number }): boolean =>
      this.#topics.hasPartition(name, partition.partitionIndex);
    const missing = topic.partitions.filter((partition) => !there(partition));
    if (missing.length > 0) {
      const lost = { name, partitions: missing };
      refused.push(failedDelete(lost, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
    const partitions = topic.partitions.filter(there);
    return partitions.length === 0 ? null : { name, partitions };
  }

  #fetchGroup(
    group: FetchGroup,
    requireStable: boolean,
    from: messages.RequestContext,
  ): Promise<FetchedGroup> {
    const { groupId } = group;
    const failed: FetchedTopic[] = [];
    const topics = group.topics === null ? null : this.#resolveFetch(group.topics, from, failed);
    const asked = { ...group, topics };
    return this.#run<FetchedGroup>(
      groupId,
      (shard) => {
        const found = shard.fetch(asked, requireStable);
        if (typeof found === "number") return answered(failedFetch(group, found, from.apiVersion));
        const shown = topics === null ? this.#shown(found, from) : [...found, ...failed];
        return answered({ groupId, topics: shown, errorCode: ErrorCode.NONE });
      },
      (error) => failedFetch(group, error, from.apiVersion),
    );
  }

  #resolveFetch(
    topics: NonNullable<FetchGroup["topics"]>,
    from: messages.RequestContext,
    failed: FetchedTopic[],
  ): NonNullable<FetchGroup["topics"]> {
    const allowed: NonNullable<FetchGroup["topics"]> = [];
    for (const topic of topics) {
      const byId = from.apiVersion >= TOPIC_ID_VERSION;
      const name = byId ? this.#topics.nameOf(topic.topicId) : topic.name;
      if (name === null) failed.push(failedTopic(topic, ErrorCode.UNKNOWN_TOPIC_ID));
      else if (isAllowed(from, name)) allowed.push({ ...topic, name });
      else failed.push(failedTopic({ ...topic, name }, ErrorCode.TOPIC_AUTHORIZATION_FAILED));
    }
    return allowed;
  }

  /** Of all topics that the group has offsets for: those that the client may see and can name. */
  #shown(topics: readonly FetchedTopic[], from: messages.RequestContext): FetchedTopic[] {
    const allowed = topics.filter(({ name = "" }) => isAllowed(from, name));
    if (from.apiVersion < TOPIC_ID_VERSION) return allowed;
    return allowed.flatMap((topic) => {
      const topicId = this.#topics.idOf(topic.name ?? "");
      return topicId === null ? [] : [{ ...topic, topicId }];
    });
  }
}

function areMany(topics: readonly CommitTopic[]): boolean {
  let count = 0;
  for (const { partitions } of topics) count += partitions.length;
  return count >= MANY_PARTITIONS;
}

function isAllowed(from: messages.RequestContext, topicName: string): boolean {
  return from.topicAllowed?.(topicName) ?? true;
}

function failedCommit(
  { name, topicId, partitions }: CommitLike,
  errorCode: ErrorCode,
): CommittedTopic {
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  };
}

interface CommitLike {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

function failedDelete({ name, partitions }: DeleteTopic, errorCode: ErrorCode): DeletedTopic {
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  };
}

/** A request of a version that asks for one group, as later ones say it. */
function groupOf(request: messages.OffsetFetchRequest): FetchGroup {
  const topics = request.topics?.map(({ name, partitionIndexes }) => ({
    name,
    topicId: ZERO_UUID,
    partitionIndexes,
  }));
  return { groupId: request.groupId, memberId: null, memberEpoch: -1, topics: topics ?? null };
}

/**
 * Clients before Kafka 3.9 do not retry COORDINATOR_NOT_AVAILABLE here; NOT_COORDINATOR sends them
 * to look for the coordinator, which is right too.
 */
function failedFetch(group: FetchGroup, error: ErrorCode, apiVersion: number): FetchedGroup {
  const isUnknown = error === ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const errorCode = isUnknown ? ErrorCode.NOT_COORDINATOR : error;
  const { groupId } = group;
  if (apiVersion >= GROUP_ERROR_VERSION) return { groupId, topics: [], errorCode };
  const topics = (group.topics ?? []).map((topic) => failedTopic(topic, errorCode));
  return { groupId, topics, errorCode: ErrorCode.NONE };
}

function failedTopic(
  topic: NonNullable<FetchGroup["topics"]>[number],
  errorCode: ErrorCode,
): FetchedTopic {
  return {
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      committedLeaderEpoch: -1,
      metadata: "",
      errorCode,
    })),
  };
}

interface NamedTopic<P> {
  readonly name?: string | undefined;
  readonly partitions: readonly P[];
}

/** Partitions of one topic stand together, whichever part of the broker answered them. */
function merge<P, T extends NamedTopic<P>>(refused: readonly T[], answers: readonly T[]): T[] {
  if (refused.length === 0) return [...answers];
  const merged = [...refused];
  const places = new Map(refused.map((topic, index) => [topic.name, index]));
  for (const topic of answers) {
    const place = places.get(topic.name);
    if (place === undefined) merged.push(topic);
    else
      merged[place] = { ...topic, partitions: [...merged[place]!.partitions, ...topic.partitions] };
  }
  return merged;
}
