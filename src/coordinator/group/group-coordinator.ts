/**
 * The group coordinator as request handlers see it: one method for each API, which takes the
 * decoded request and resolves with the response. It never rejects.
 *
 * Here requests are checked before any group is looked at, and responses get the form that their
 * version has; groups themselves live in the shards (group-shard.ts).
 */
import type { Logger } from "../../base/logger.ts";
import type { Clock, Random } from "../../base/world.ts";
import { CONSUMER_OFFSETS_TOPIC } from "../../metadata/internal-topics.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import { answered, type Outcome } from "../outcome.ts";
import { CoordinatorRuntime } from "../runtime.ts";
import type { TransactionEnd } from "../shard.ts";
import type { ShareStatePersister } from "../share/persister.ts";
import type { TransactionVerifier } from "../transaction/participants.ts";
import { joinError } from "./classic-rebalance.ts";
import { syncError } from "./classic-sync.ts";
import type { GroupConfig } from "./group-config.ts";
import { describeConsumerGroup, undescribedConsumer } from "./consumer-descriptions.ts";
import type { TopicChanges } from "./epoch-groups.ts";
import { checkConsumerHeartbeat } from "./consumer-requests.ts";
import { describeGroup, groupFilter, listedGroups, undescribed } from "./group-descriptions.ts";
import type * as messages from "./group-messages.ts";
import { groupRecordCodec, type GroupRecord } from "./group-records.ts";
import { GroupStats } from "./group-stats.ts";
import { GroupShard, type DeletedTopic } from "./group-shard.ts";
import { OffsetHandler } from "./offset-handler.ts";
import { type StreamsAnswer, streamsError } from "./streams-answer.ts";
import { describeStreamsGroup, undescribedStreams } from "./streams-descriptions.ts";
import { checkStreamsHeartbeat } from "./streams-requests.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { describeShareGroup, undescribedShare } from "./share-descriptions.ts";
import { shareHeartbeat, type ShareHeartbeatAnswer } from "./share-heartbeat.ts";
import {
  type LatestOffset,
  ShareOffsetHandler,
  undescribedOffsets,
} from "./share-offset-handler.ts";
import { checkShareHeartbeat } from "./share-requests.ts";
import type { TopicDirectory } from "./topic-directory.ts";
import { TransactionalOffsets } from "./transactional-offsets.ts";

/** From here on a member must name the protocol that it syncs for. */
const SYNC_PROTOCOL_VERSION = 5;
/** From here on the protocol of a failed JoinGroup is null, and empty before. */
const NULL_PROTOCOL_VERSION = 7;
/** From here on many members leave in one request. */
const LEAVE_MEMBERS_VERSION = 3;

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: GroupConfig;
  readonly topics: TopicDirectory;
  /** Asked before a transaction's offsets are written. */
  readonly verifier: Pick<TransactionVerifier, "verify">;
  /** Keeps what share groups have got to. */
  readonly shareState: () => ShareStatePersister;
  /** Where a partition ends for those who see what is committed. */
  readonly latestOffset: (topicId: string, partition: number) => Promise<LatestOffset>;
  /** Partitions of `__consumer_offsets`: as it is, or as it will be made. */
  readonly partitionCount: () => number;
}

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  /** Whose partition is whose. */
  readonly runtime: CoordinatorRuntime<GroupShard, GroupRecord>;
  readonly #offsets: OffsetHandler;
  readonly #shareOffsets: ShareOffsetHandler;
  readonly #transactionalOffsets: TransactionalOffsets;
  readonly stats = new GroupStats();

  constructor(options: GroupCoordinatorOptions) {
    const { clock, random, logger, config, topics } = options;
    this.#options = options;
    this.runtime = new CoordinatorRuntime({
      topic: CONSUMER_OFFSETS_TOPIC,
      clock,
      logger,
      codec: groupRecordCodec,
      createState: (context) =>
        new GroupShard({ ...context, clock, random, logger, config, topics, stats: this.stats }),
      commitTimeoutMs: config.offsetsCommitTimeoutMs,
      loadSizeMax: config.offsetsLoadBufferSize,
      compression: config.offsetsTopicCompressionCodec,
      baseSequence: 0,
      appendLingerMs: () => config.groupCoordinatorAppendLingerMs,
      partitionCount: options.partitionCount,
      stoppedError: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    });
    this.#offsets = new OffsetHandler(options, (groupId, operation, failure) =>
      this.#run(groupId, operation, failure),
    );
    this.#shareOffsets = new ShareOffsetHandler({
      logger,
      topics,
      state: options.shareState,
      latestOffset: options.latestOffset,
      run: (groupId, operation, failure) => this.#run(groupId, operation, failure),
    });
    this.#transactionalOffsets = new TransactionalOffsets({
      topics,
      verifier: options.verifier,
      isVerified: () => config.transactionPartitionVerificationEnable,
      partitionFor: (groupId) => this.runtime.partitionFor(groupId),
      topicName: CONSUMER_OFFSETS_TOPIC,
      run: (groupId, write, operation, failure) => {
        const error = this.#checkGroupId(groupId);
        if (error !== ErrorCode.NONE) return Promise.resolve(failure(error));
        const partition = this.runtime.partitionFor(groupId);
        return this.runtime.runInTransaction(partition, write, operation, failure);
      },
    });
  }

  // ---- Life --------------------------------------------------------------------------------

  /** Offsets of the topics are forgotten; resolves when that is committed. */
  async topicsDeleted(topics: readonly DeletedTopic[]): Promise<void> {
    const operation = (shard: GroupShard) => ({
      ...shard.topicsDeleted(topics),
      response: ErrorCode.NONE as ErrorCode,
    });
    await this.runtime.runAll(operation, (error) => error);
  }

  /** Groups that read the topics look at them anew. */
  topicsChanged(changes: TopicChanges): void {
    this.runtime.forEach((shard) => shard.topicsChanged(changes));
  }

  /** Whoever waits is told to look for another coordinator. */
  stop(): void {
    this.runtime.stop();
  }

  // ---- Membership --------------------------------------------------------------------------

  async joinGroup(
    request: messages.JoinGroupRequest,
    from: messages.RequestContext,
  ): Promise<messages.JoinGroupResponse> {
    const error = this.#checkJoin(request);
    const response =
      error === ErrorCode.NONE
        ? await this.#run(
            request.groupId,
            (shard) => shard.join(request, from),
            (failure) => joinError(failure, ""),
          )
        : joinError(error, request.memberId);
    if (from.apiVersion >= NULL_PROTOCOL_VERSION || response.protocolName !== null) return response;
    return { ...response, protocolName: "" };
  }

  syncGroup(
    request: messages.SyncGroupRequest,
    from: messages.RequestContext,
  ): Promise<messages.SyncGroupResponse> {
    const isUnnamed = request.protocolType === null || request.protocolName === null;
    if (from.apiVersion >= SYNC_PROTOCOL_VERSION && isUnnamed) {
      return Promise.resolve(syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL));
    }
    const error = this.#checkGroupId(request.groupId);
    if (error !== ErrorCode.NONE) return Promise.resolve(syncError(error));
    return this.#run(request.groupId, (shard) => shard.sync(request), syncError);
  }

  async heartbeat(request: messages.HeartbeatRequest): Promise<messages.HeartbeatResponse> {
    let errorCode = this.#checkGroupId(request.groupId);
    if (errorCode === ErrorCode.NONE) {
      errorCode = await this.#run<ErrorCode>(
        request.groupId,
        (shard) => answered(shard.heartbeat(request)),
        // The session begins anew when the group is loaded, so the member may go on.
        (error) => (error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : error),
      );
    }
    return { errorCode };
  }

  async leaveGroup(
    request: messages.LeaveGroupRequest,
    from: messages.RequestContext,
  ): Promise<messages.LeaveGroupResponse> {
    const { groupId } = request;
    const isOne = from.apiVersion < LEAVE_MEMBERS_VERSION;
    const members = isOne
      ? [{ memberId: request.memberId, groupInstanceId: null, reason: null }]
      : request.members;
    const error = this.#checkGroupId(groupId);
    if (error !== ErrorCode.NONE) return leaveError(error);
    const response = await this.#run(groupId, (shard) => shard.leave(groupId, members), leaveError);
    const first = response.members[0];
    return isOne && first !== undefined ? leaveError(first.errorCode) : response;
  }

  async consumerHeartbeat(
    request: messages.ConsumerHeartbeatRequest,
    from: messages.RequestContext,
  ): Promise<messages.ConsumerHeartbeatResponse> {
    if (!this.runtime.isActive) return heartbeatError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const refusal = checkConsumerHeartbeat(request, from.apiVersion, this.#options.config);
    if (refusal !== null) return heartbeatError(refusal.errorCode, refusal.errorMessage);
    return this.#run(
      request.groupId,
      (shard) => shard.consumerHeartbeat(request, from),
      (error) => heartbeatError(error),
    );
  }

  async streamsHeartbeat(
    request: messages.StreamsHeartbeatRequest,
    from: messages.RequestContext,
  ): Promise<StreamsAnswer> {
    if (!this.runtime.isActive) return streamsError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const refusal = checkStreamsHeartbeat(request);
    if (refusal !== null) return streamsError(refusal.errorCode, refusal.errorMessage);
    return this.#run(
      request.groupId,
      (shard) => shard.streamsHeartbeat(request, from),
      (error) => streamsError(error),
    );
  }

  streamsHeartbeatIntervalMs(groupId: string): number {
    return this.#options.config.streams.heartbeatIntervalMs(groupId);
  }

  async shareHeartbeat(
    request: messages.ShareHeartbeatRequest,
    from: messages.RequestContext,
  ): Promise<messages.ShareHeartbeatResponse> {
    if (!this.runtime.isActive) return heartbeatError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const refusal = checkShareHeartbeat(request);
    if (refusal !== null) return heartbeatError(refusal.errorCode, refusal.errorMessage);
    const outcome = await this.#run<ShareHeartbeatAnswer | GroupRefusal>(
      request.groupId,
      (shard) => {
        const result = shareHeartbeat(shard.shares, request, from);
        return result instanceof GroupRefusal ? answered(result) : result;
      },
      (error) => new GroupRefusal(error),
    );
    if (outcome instanceof GroupRefusal) {
      return heartbeatError(outcome.errorCode, outcome.errorMessage);
    }
    const { response, initialization } = outcome;
    // The member need not wait for it: its next heartbeat brings what has come of it.
    if (initialization !== null) void this.#shareOffsets.initialize(initialization);
    return response;
  }

  // ---- Offsets -----------------------------------------------------------------------------

  commitOffsets(
    request: messages.OffsetCommitRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetCommitResponse> {
    return this.#offsets.commit(request, from);
  }

  /** They count when their transaction commits. */
  commitOffsetsInTransaction(
    request: messages.TxnOffsetCommitRequest,
    from: messages.RequestContext,
  ): Promise<messages.TxnOffsetCommitResponse> {
    return this.#transactionalOffsets.commit(request, from);
  }

  /** The transaction's marker for a partition of `__consumer_offsets`, or why it is not there. */
  endTransaction(partition: number, marker: TransactionEnd): Promise<ErrorCode> {
    return this.runtime.endTransaction(partition, marker);
  }

  fetchOffsets(
    request: messages.OffsetFetchRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetFetchResponse> {
    return this.#offsets.fetch(request, from);
  }

  async deleteOffsets(
    request: messages.OffsetDeleteRequest,
    from: messages.RequestContext,
  ): Promise<messages.OffsetDeleteResponse> {
    const errorCode = this.#checkGroupId(request.groupId);
    if (errorCode !== ErrorCode.NONE) return { errorCode, throttleTimeMs: 0, topics: [] };
    return this.#offsets.delete(request, from);
  }

  async describeShareOffsets(
    group: messages.DescribeShareOffsetsGroup,
  ): Promise<messages.DescribedShareOffsets> {
    const { groupId } = group;
    if (!this.runtime.isActive)
      return undescribedOffsets(groupId, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    return this.#shareOffsets.describe(group);
  }

  async alterShareOffsets(
    request: messages.AlterShareOffsetsRequest,
  ): Promise<messages.AlterShareOffsetsResponse> {
    const error = this.#checkGroupId(request.groupId);
    return error === ErrorCode.NONE ? this.#shareOffsets.alter(request) : shareOffsetError(error);
  }

  async deleteShareOffsets(
    request: messages.DeleteShareOffsetsRequest,
  ): Promise<messages.DeleteShareOffsetsResponse> {
    const error = this.#checkGroupId(request.groupId);
    return error === ErrorCode.NONE ? this.#shareOffsets.delete(request) : shareOffsetError(error);
  }

  // ---- Groups ------------------------------------------------------------------------------

  async describeGroups(
    request: messages.DescribeGroupsRequest,
    from: messages.RequestContext,
  ): Promise<messages.DescribeGroupsResponse> {
    const groups = request.groups.map((groupId) =>
      this.#run(
        groupId,
        (shard) => answered(describeGroup(shard, groupId, from.apiVersion)),
        (error) => undescribed(groupId, error),
      ),
    );
    return { groups: await Promise.all(groups) };
  }

  async describeConsumerGroups(
    groupIds: readonly string[],
  ): Promise<messages.ConsumerDescribedGroup[]> {
    const groups = groupIds.map((groupId) => {
      const error = this.#checkGroupId(groupId);
      if (error !== ErrorCode.NONE) return undescribedConsumer(groupId, error);
      return this.#run(
        groupId,
        (shard) => answered(describeConsumerGroup(shard.consumers, groupId)),
        (failure) => undescribedConsumer(groupId, failure),
      );
    });
    return Promise.all(groups);
  }

  async describeStreamsGroups(
    groupIds: readonly string[],
  ): Promise<messages.StreamsDescribedGroup[]> {
    const groups = groupIds.map((groupId) => {
      const error = this.#checkGroupId(groupId);
      if (error !== ErrorCode.NONE) return undescribedStreams(groupId, error);
      return this.#run(
        groupId,
        (shard) => answered(describeStreamsGroup(shard.streams, groupId)),
        (failure) => undescribedStreams(groupId, failure),
      );
    });
    return Promise.all(groups);
  }

  async describeShareGroups(groupIds: readonly string[]): Promise<messages.ShareDescribedGroup[]> {
    const groups = groupIds.map((groupId) => {
      const error = this.#checkGroupId(groupId);
      if (error === ErrorCode.INVALID_GROUP_ID) return undescribedShare(groupId, error);
      return this.#run(
        groupId,
        (shard) => answered(describeShareGroup(shard.shares, groupId)),
        (failure) => ({
          ...undescribedShare(groupId, failure),
          errorMessage: errorText(failure),
        }),
      );
    });
    return Promise.all(groups);
  }

  async listGroups(request: messages.ListGroupsRequest): Promise<messages.ListGroupsResponse> {
    if (!this.runtime.isActive)
      return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, groups: [] };
    const isWanted = groupFilter(request.statesFilter, request.typesFilter);
    const lists = await this.runtime.runAll<messages.ListedGroup[] | ErrorCode>(
      (shard) => answered(listedGroups(shard).filter(isWanted)),
      // A partition that has just left this node is another node's to list.
      (error) => (error === ErrorCode.NOT_COORDINATOR ? [] : error),
    );
    const groups: messages.ListedGroup[] = [];
    for (const list of lists) {
      if (typeof list === "number") return { errorCode: list, groups: [] };
      groups.push(...list);
    }
    return { errorCode: ErrorCode.NONE, groups };
  }

  async deleteGroups(
    request: messages.DeleteGroupsRequest,
  ): Promise<messages.DeleteGroupsResponse> {
    const groupIds = [...new Set(request.groupsNames)];
    const results = groupIds.map((groupId) => this.#deleteGroup(groupId));
    return { throttleTimeMs: 0, results: await Promise.all(results) };
  }

  /** Looks at the shards that are here and loaded. */
  forEachShard(look: (shard: GroupShard) => void): void {
    this.runtime.forEach(look);
  }

  /** What the share coordinator keeps for the group goes first. */
  async #deleteGroup(groupId: string): Promise<messages.DeletedGroup> {
    const errorCode = await this.#shareOffsets.deleteAll(groupId);
    if (errorCode !== ErrorCode.NONE) return { groupId, errorCode };
    return this.#run(
      groupId,
      (shard) => shard.deleteGroup(groupId),
      (error): messages.DeletedGroup => ({ groupId, errorCode: error }),
    );
  }

  // ---- Helpers -----------------------------------------------------------------------------

  #run<T>(
    groupId: string,
    operation: (shard: GroupShard) => Outcome<GroupRecord, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    return this.runtime.runFor(groupId, operation, failure);
  }

  #checkJoin({ groupId, sessionTimeoutMs }: messages.JoinGroupRequest): ErrorCode {
    const error = this.#checkGroupId(groupId);
    if (error !== ErrorCode.NONE) return error;
    const { groupMinSessionTimeoutMs, groupMaxSessionTimeoutMs } = this.#options.config;
    const isWithin =
      sessionTimeoutMs >= groupMinSessionTimeoutMs && sessionTimeoutMs <= groupMaxSessionTimeoutMs;
    return isWithin ? ErrorCode.NONE : ErrorCode.INVALID_SESSION_TIMEOUT;
  }

  #checkGroupId(groupId: string): ErrorCode {
    if (!this.runtime.isActive) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return groupId === "" ? ErrorCode.INVALID_GROUP_ID : ErrorCode.NONE;
  }
}

function heartbeatError(
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): messages.ConsumerHeartbeatResponse {
  return { throttleTimeMs: 0, errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 };
}

function shareOffsetError(errorCode: ErrorCode) {
  const errorMessage = errorText(errorCode);
  return { throttleTimeMs: 0, errorCode, errorMessage, responses: [] };
}

function leaveError(errorCode: number): messages.LeaveGroupResponse {
  return { throttleTimeMs: 0, errorCode, members: [] };
}
