/**
 * The share group's part, and the share coordinator's, of what concerns where a group has come to:
 *
 *   heartbeat ─▶ group: initializing ─▶ share coordinator ─▶ group: initialized
 *   alter     ─▶ as above, at the offsets that are asked for
 *   delete    ─▶ group: deleting ─▶ share coordinator ─▶ group: gone
 *   describe  ─▶ share coordinator, and how far it is from there to the end
 */
import type { Logger } from "../../base/logger.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import { answered, type Effects } from "../outcome.ts";
import type { ShareStatePersister, ShareStateResult } from "../share/persister.ts";
import type { TopicPartitions } from "./assignor.ts";
import type * as messages from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import type { GroupShard } from "./group-shard.ts";
import type { RunInGroup } from "./offset-handler.ts";
import type { Initialization } from "./share-heartbeat.ts";
import * as offsets from "./share-offsets.ts";
import { partitionsOf } from "./share-state-topics.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface LatestOffset {
  readonly errorCode: ErrorCode;
  readonly offset: number;
}

export interface ShareOffsetOptions {
  readonly logger: Logger;
  readonly topics: TopicDirectory;
  readonly state: () => ShareStatePersister;
  /** Where a partition ends for those who see what is committed. */
  readonly latestOffset: (topicId: string, partition: number) => Promise<LatestOffset>;
  readonly run: RunInGroup;
}

type DescribedTopic = messages.DescribedShareOffsets["topics"][number];
type DescribedPartition = DescribedTopic["partitions"][number];

const UNINITIALIZED = -1;

export class ShareOffsetHandler {
  readonly #options: ShareOffsetOptions;

  constructor(options: ShareOffsetOptions) {
    this.#options = options;
  }

  /** Beside the heartbeat that found partitions without a state. */
  async initialize({ groupId, stateEpoch, partitions }: Initialization): Promise<void> {
    const failed = await this.#initializeAt(groupId, stateEpoch, partitions, () => UNINITIALIZED);
    if (failed.size === 0) await this.#initialized(groupId, partitions);
    else await this.#notInitialized(groupId, partitions, [...failed.values()][0]!);
  }

  async alter(
    request: messages.AlterShareOffsetsRequest,
  ): Promise<messages.AlterShareOffsetsResponse> {
    const { groupId } = request;
    const begun = await this.#options.run<offsets.Alteration | GroupRefusal>(
      groupId,
      (shard) => offsets.alterShareOffsets(shard.shares, request),
      (error) => new GroupRefusal(error, errorText(error)),
    );
    if (begun instanceof GroupRefusal) return refused(begun);
    const starts = begun.offsets;
    const partitions = new Map([...starts].map(([topicId, each]) => [topicId, [...each.keys()]]));
    const failed = await this.#initializeAt(
      groupId,
      begun.stateEpoch,
      partitions,
      (topicId, partition) => starts.get(topicId)?.get(partition) ?? UNINITIALIZED,
    );
    if (failed.size === 0) await this.#initialized(groupId, partitions);
    const responses = begun.responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => {
        const error = failed.get(nameOf(topic.topicId, partition.partitionIndex));
        if (partition.errorCode !== ErrorCode.NONE || error === undefined) return partition;
        const { errorCode, errorMessage } = error;
        return offsets.alteredPartition(partition.partitionIndex, errorCode, errorMessage);
      }),
    }));
    return { ...NO_ERROR, responses };
  }

  async delete(
    request: messages.DeleteShareOffsetsRequest,
  ): Promise<messages.DeleteShareOffsetsResponse> {
    const { groupId } = request;
    const begun = await this.#options.run<offsets.Deletion | GroupRefusal>(
      groupId,
      (shard) => offsets.beginShareDeletion(shard.shares, request),
      (error) => new GroupRefusal(error, errorText(error)),
    );
    if (begun instanceof GroupRefusal) return refused(begun);
    const { topics } = this.#options;
    const failed = await this.#forget(groupId, begun.partitions);
    const gone = [...begun.partitions.keys()].filter((topicId) => !failed.has(topicId));
    const error =
      gone.length === 0
        ? ErrorCode.NONE
        : await this.#perform(groupId, (shard) =>
            offsets.endShareDeletion(shard.shares, groupId, gone),
          );
    if (error !== ErrorCode.NONE) return refused(new GroupRefusal(error, errorText(error)));
    const topicOf = (topicId: string, errorCode: ErrorCode) => ({
      topicName: topics.nameOf(topicId) ?? "",
      topicId,
      errorCode,
      errorMessage: errorCode === ErrorCode.NONE ? null : errorText(errorCode),
    });
    const responses = [
      ...gone.map((topicId) => topicOf(topicId, ErrorCode.NONE)),
      ...begun.responses,
      ...[...failed].map(([topicId, { errorCode }]) => topicOf(topicId, errorCode)),
    ];
    return { ...NO_ERROR, responses };
  }

  /** Before the group is deleted: NONE where that may go on, as it does for other groups. */
  async deleteAll(groupId: string): Promise<ErrorCode> {
    const begun = await this.#options.run<TopicPartitions | GroupRefusal | null>(
      groupId,
      (shard) => offsets.beginShareGroupDeletion(shard.shares, groupId),
      (error) => new GroupRefusal(error),
    );
    if (begun === null) return ErrorCode.NONE;
    if (begun instanceof GroupRefusal) return begun.errorCode;
    const [failure] = (await this.#forget(groupId, begun)).values();
    return failure?.errorCode ?? ErrorCode.NONE;
  }

  /** Null for `topics`: all of which there is a state. */
  async describe({
    groupId,
    topics: wanted,
  }: messages.DescribeShareOffsetsGroup): Promise<messages.DescribedShareOffsets> {
    const { topics, run } = this.#options;
    const partitions: [string, readonly number[]][] = [];
    const unknown: DescribedTopic[] = [];
    if (wanted === null) {
      const known = await run<TopicPartitions | ErrorCode>(
        groupId,
        ({ shares }) =>
          answered(partitionsOf(shares.get(groupId)?.knownTopics.initialized ?? new Map())),
        (error) => error,
      );
      if (typeof known === "number") return undescribedOffsets(groupId, known);
      partitions.push(...[...known].filter(([topicId]) => topics.nameOf(topicId) !== null));
    }
    for (const { topicName, partitions: numbers } of wanted ?? []) {
      const topicId = topics.idOf(topicName);
      if (topicId !== null) partitions.push([topicId, numbers]);
      else unknown.push({ topicName, topicId: ZERO_UUID, partitions: numbers.map(nothingKnown) });
    }
    const isOdd = ([, numbers]: (typeof partitions)[number]) =>
      numbers.length === 0 || numbers.some((partition) => partition < 0);
    // Kafka's way to the share coordinator fails over what it does not expect.
    if (partitions.length > 0 && (groupId === "" || partitions.some(isOdd))) {
      return undescribedOffsets(groupId, ErrorCode.UNKNOWN_SERVER_ERROR);
    }
    const described = await Promise.all(
      partitions.map(async ([topicId, numbers]) => ({
        topicName: topics.nameOf(topicId) ?? "",
        topicId,
        partitions: await Promise.all(
          numbers.map((partition) => this.#describePartition(groupId, topicId, partition)),
        ),
      })),
    );
    return { groupId, topics: [...described, ...unknown], ...GROUP_FINE };
  }

  async #describePartition(
    groupId: string,
    topicId: string,
    partitionIndex: number,
  ): Promise<DescribedPartition> {
    const { state, latestOffset } = this.#options;
    const key = { groupId, topicId, partition: partitionIndex };
    const summary = await state().readSummary(key, 0);
    // No more is known of it than of a topic that does not exist: Kafka does not say why.
    if (summary.errorCode !== ErrorCode.NONE) return nothingKnown(partitionIndex);
    const { startOffset, leaderEpoch, deliveryCompleteCount } = summary;
    const known = { ...nothingKnown(partitionIndex), startOffset, leaderEpoch };
    if (startOffset === UNINITIALIZED || deliveryCompleteCount === UNINITIALIZED) return known;
    const end = await latestOffset(topicId, partitionIndex);
    if (end.errorCode === ErrorCode.NONE) {
      return { ...known, lag: end.offset - startOffset - deliveryCompleteCount };
    }
    const { errorCode } = end;
    const errorMessage = errorText(errorCode);
    return { partitionIndex, startOffset: 0, leaderEpoch: 0, lag: -1, errorCode, errorMessage };
  }

  // ---- Steps -------------------------------------------------------------------------------

  /** What failed, by topic and partition. */
  async #initializeAt(
    groupId: string,
    stateEpoch: number,
    partitions: TopicPartitions,
    startOf: (topicId: string, partition: number) => number,
  ): Promise<Map<string, ShareStateResult>> {
    const failed = new Map<string, ShareStateResult>();
    const state = this.#options.state();
    await forEach(partitions, async (topicId, partition) => {
      const key = { groupId, topicId, partition };
      const result = await state.initializeState(key, stateEpoch, startOf(topicId, partition));
      if (result.errorCode !== ErrorCode.NONE) failed.set(nameOf(topicId, partition), result);
    });
    return failed;
  }

  async #initialized(groupId: string, partitions: TopicPartitions): Promise<void> {
    if (partitions.size === 0) return;
    const error = await this.#perform(groupId, (shard) =>
      offsets.stateInitialized(shard.shares, groupId, partitions),
    );
    if (error === ErrorCode.NONE) return;
    const reason = { errorCode: error, errorMessage: errorName(error) };
    await this.#notInitialized(groupId, partitions, reason);
  }

  async #notInitialized(
    groupId: string,
    partitions: TopicPartitions,
    { errorCode, errorMessage }: ShareStateResult,
  ): Promise<void> {
    this.#options.logger.warn(
      `group ${groupId}: share partitions were not initialized: ${errorName(errorCode)}: ` +
        `${errorMessage}`,
    );
    await this.#perform(groupId, (shard) =>
      offsets.stateNotInitialized(shard.shares, groupId, partitions),
    );
  }

  /** By topic: one error of those that there were. */
  async #forget(
    groupId: string,
    partitions: TopicPartitions,
  ): Promise<Map<string, ShareStateResult>> {
    const failed = new Map<string, ShareStateResult>();
    await forEach(partitions, async (topicId, partition) => {
      const result = await this.#options.state().deleteState({ groupId, topicId, partition });
      if (result.errorCode !== ErrorCode.NONE) failed.set(topicId, result);
    });
    return failed;
  }

  #perform(
    groupId: string,
    operation: (shard: GroupShard) => Effects<GroupRecord>,
  ): Promise<ErrorCode> {
    return this.#options.run<ErrorCode>(
      groupId,
      (shard) => ({ ...operation(shard), response: ErrorCode.NONE }),
      (error) => error,
    );
  }
}

const NO_ERROR = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null };
const GROUP_FINE = { errorCode: ErrorCode.NONE, errorMessage: null };

export function undescribedOffsets(
  groupId: string,
  errorCode: ErrorCode,
): messages.DescribedShareOffsets {
  return { groupId, topics: [], errorCode, errorMessage: errorText(errorCode) };
}

function refused({ errorCode, errorMessage }: GroupRefusal) {
  return { throttleTimeMs: 0, errorCode, errorMessage, responses: [] };
}

function nothingKnown(partitionIndex: number): DescribedPartition {
  return {
    partitionIndex,
    startOffset: UNINITIALIZED,
    leaderEpoch: 0,
    lag: -1,
    ...GROUP_FINE,
  };
}

function nameOf(topicId: string, partition: number): string {
  return `${topicId}-${partition}`;
}

/** How many the share coordinator is asked for at once: their records share few batches. */
const AT_ONCE_MAX = 1_000;

async function forEach(
  partitions: TopicPartitions,
  work: (topicId: string, partition: number) => Promise<void>,
): Promise<void> {
  let underWay: Promise<void>[] = [];
  for (const [topicId, numbers] of partitions) {
    for (const partition of numbers) {
      underWay.push(work(topicId, partition));
      if (underWay.length < AT_ONCE_MAX) continue;
      await Promise.all(underWay);
      underWay = [];
    }
  }
  await Promise.all(underWay);
}
