/**
 * The groups and offsets of one partition of `__consumer_offsets`.
 *
 *   request ──▶ an operation here ──▶ { records, response }
 *                                          │ appended by the runtime
 *   log ──▶ apply(record) ◀────────────────┘
 *
 * Invariants: groups and offsets hold what the records of the log say, live as after a restart;
 * whoever waits for an answer belongs to a member of a group; an id belongs to one group at most,
 * be it classic (`groups`), of `consumers`, of `shares`, or of `streams`.
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { answered, type Effects, type Outcome } from "../outcome.ts";
import type { CoordinatorState } from "../shard.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { ClassicMember } from "./classic-member.ts";
import { joinGroup, sessionDeadline } from "./classic-join.ts";
import { answerSyncs, joinError, maybePrepareRebalance, newGroup } from "./classic-rebalance.ts";
import { heartbeat, leaveGroup, syncError, syncGroup } from "./classic-sync.ts";
import { heartbeatClassic, joinClassic, leaveClassic, syncClassic } from "./consumer-classic.ts";
import { awaitRevocation, keepSession } from "./consumer-fencing.ts";
import { ConsumerGroups, isTombstone } from "./consumer-groups.ts";
import type { TopicChanges } from "./epoch-groups.ts";
import { consumerHeartbeat } from "./consumer-heartbeat.ts";
import { MemberState } from "./consumer-member.ts";
import { checkConsumerCommit, checkConsumerFetch } from "./consumer-offsets.ts";
import { groupTombstones } from "./consumer-records.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { GroupContext } from "./group-context.ts";
import { newGroupRecord, recordedGroupOf } from "./group-metadata.ts";
import { GroupRefusal } from "./group-refusal.ts";
import type {
  ConsumerHeartbeatRequest,
  ConsumerHeartbeatResponse,
  DeletedGroup,
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupResponse,
  LeavingMember,
  OffsetCommitRequest,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
  RequestContext,
  StreamsHeartbeatRequest,
  SyncGroupRequest,
  SyncGroupResponse,
  TxnOffsetCommitRequest,
} from "./group-messages.ts";
import type { GroupMemberValue, GroupMetadataValue, GroupRecord } from "./group-records.ts";
import type { CommitCheck } from "./member-offsets.ts";
import { expireOffsets } from "./offset-expiry.ts";
import { OffsetStore } from "./offset-store.ts";
import * as offsets from "./offset-requests.ts";
import { shareGroupTombstones } from "./share-group-records.ts";
import { ShareGroups } from "./share-groups.ts";
import { keepShareSession } from "./share-heartbeat.ts";
import { withoutDeletedTopics } from "./share-offsets.ts";
import { type StreamsAnswer, streamsError } from "./streams-answer.ts";
import { awaitTaskRevocation, keepStreamsSession } from "./streams-fencing.ts";
import type { StreamsGroup } from "./streams-group.ts";
import { StreamsGroups } from "./streams-groups.ts";
import { streamsHeartbeat } from "./streams-heartbeat.ts";
import { StreamsMemberState } from "./streams-member.ts";
import { checkStreamsCommit, checkStreamsFetch } from "./streams-offsets.ts";
import { streamsGroupTombstones } from "./streams-records.ts";

type Answer<T> = Outcome<GroupRecord, T>;

const MS_PER_MINUTE = 60_000;

export interface DeletedTopic {
  readonly name: string;
  readonly id: string;
}

export class GroupShard implements CoordinatorState<GroupRecord> {
  readonly groups = new Map<string, ClassicGroup>();
  readonly store = new OffsetStore();
  readonly consumers: ConsumerGroups;
  readonly shares: ShareGroups;
  readonly streams: StreamsGroups;
  readonly #context: GroupContext;

  constructor(context: GroupContext) {
    this.#context = context;
    this.consumers = new ConsumerGroups(context, this.groups, {
      has: (groupId) => this.shares.has(groupId) || this.streams.byId.has(groupId),
    });
    this.shares = new ShareGroups(context, this.groups, {
      has: (groupId: string) => this.#epochGroup(groupId) !== undefined,
    });
    this.streams = new StreamsGroups(context, this.groups, {
      has: (groupId) => this.shares.has(groupId) || this.consumers.byId.has(groupId),
    });
  }

  // ---- The log -----------------------------------------------------------------------------

  apply(record: GroupRecord, offset: number, producerId: number): void {
    switch (record.type) {
      case "offsetCommit":
        if (record.value !== null && !this.#isOfOther(record.group))
          this.#ensureGroup(record.group);
        this.store.apply(record, offset, producerId);
        break;
      case "groupMetadata":
        this.consumers.remove(record.group);
        this.streams.remove(record.group);
        if (record.value === null) this.#removeGroup(record.group);
        else this.#applyGroup(this.#ensureGroup(record.group), record.value);
        break;
      case "shareGroup":
      case "shareMember":
      case "shareTarget":
      case "shareTargetMember":
      case "shareCurrent":
      case "shareState":
        if (record.value !== null) this.#removeGroup(record.group);
        this.shares.apply(record);
        break;
      case "streamsGroup":
      case "streamsMember":
      case "streamsTarget":
      case "streamsTargetMember":
      case "streamsCurrent":
      case "streamsTopology":
        if (record.value !== null) this.#removeGroup(record.group);
        this.streams.apply(record);
        break;
      default:
        if (!isTombstone(record)) this.#removeGroup(record.group);
        this.consumers.apply(record);
    }
  }

  endTransaction(producerId: number, isCommitted: boolean): void {
    this.store.endTransaction(producerId, isCommitted);
  }

  /** All of the log is applied: sessions begin anew. */
  loaded(): void {
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) member.resetSession();
      if (group.members.size > this.#context.config.groupMaxSize) {
        const { records } = maybePrepareRebalance(
          this.#context,
          group,
          `${group.members.size} members are more than group.max.size allows`,
        );
        assert(records.length === 0, "a rebalance that begins with members writes nothing");
      }
    }
    for (const group of this.consumers.byId.values()) {
      const timeoutMs = this.#context.config.consumerSessionTimeoutMs(group.groupId);
      for (const member of group.members.values()) {
        keepSession(this.consumers, group, member.memberId, timeoutMs);
        const mustRevoke = member.state === MemberState.UNREVOKED_PARTITIONS;
        if (mustRevoke) awaitRevocation(this.consumers, group, member);
      }
    }
    this.consumers.newTopicsVersion = this.#context.topics.version();
    for (const group of this.shares.byId.values()) {
      for (const memberId of group.members.keys()) keepShareSession(this.shares, group, memberId);
    }
    for (const group of this.streams.byId.values()) {
      for (const member of group.members.values()) {
        keepStreamsSession(this.streams, group, member.memberId);
        const mustRevoke = member.state === StreamsMemberState.UNREVOKED_TASKS;
        if (mustRevoke) awaitTaskRevocation(this.streams, group, member);
      }
    }
    this.#scheduleExpiry();
  }

  /** Another node takes over, or the state is read from the log again. */
  unloaded(): void {
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) {
        group.answerJoin(member, joinError(ErrorCode.NOT_COORDINATOR, member.memberId));
        group.answerSync(member, syncError(ErrorCode.NOT_COORDINATOR));
      }
      group.die();
    }
    for (const group of this.consumers.byId.values()) group.die();
    for (const group of this.shares.byId.values()) group.die();
    for (const group of this.streams.byId.values()) group.die();
  }

  // ---- Membership --------------------------------------------------------------------------

  join(request: JoinGroupRequest, from: RequestContext): Answer<JoinGroupResponse> {
    const { groupId, memberId } = request;
    if (this.shares.has(groupId)) {
      return answered(joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, ""));
    }
    const streams = this.streams.get(groupId);
    if (streams?.isEmpty === false) {
      return answered(joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, ""));
    }
    const consumers = this.consumers.get(groupId);
    if (consumers?.isEmpty === false) return joinClassic(this.consumers, consumers, request, from);
    const { promise, resolve } = Promise.withResolvers<JoinGroupResponse>();
    const answer = (response: JoinGroupResponse): void =>
      this.#context.park((error) =>
        resolve(error === ErrorCode.NONE ? response : joinError(error, memberId)),
      );
    const join = { request, from, answer };
    const group = this.groups.get(groupId);
    if (group !== undefined) {
      return { ...joinGroup(this.#context, group, join), response: promise };
    }
    if (memberId !== "") return answered(joinError(ErrorCode.UNKNOWN_MEMBER_ID, memberId));
    return {
      records: [
        ...this.#tombstonesOf(groupId),
        newGroupRecord(groupId, this.#context.clock.wallMs()),
      ],
      applied: () => {
        const effects = joinGroup(this.#context, this.groups.get(groupId)!, join);
        assert(effects.records.length === 0, "the first JoinGroup writes nothing more");
      },
      response: promise,
    };
  }

  sync(request: SyncGroupRequest): Answer<SyncGroupResponse> {
    const consumers = this.consumers.get(request.groupId);
    if (consumers !== undefined) {
      const outcome = syncClassic(this.consumers, consumers, request);
      return outcome instanceof GroupRefusal ? answered(syncError(outcome.errorCode)) : outcome;
    }
    const group = this.groups.get(request.groupId);
    if (group === undefined) return answered(syncError(ErrorCode.UNKNOWN_MEMBER_ID));
    const { promise, resolve } = Promise.withResolvers<SyncGroupResponse>();
    const answer = (response: SyncGroupResponse): void =>
      this.#context.park((error) =>
        resolve(error === ErrorCode.NONE ? response : syncError(error)),
      );
    return { ...syncGroup(this.#context, group, request, answer), response: promise };
  }

  heartbeat(request: HeartbeatRequest): ErrorCode {
    const consumers = this.consumers.get(request.groupId);
    if (consumers !== undefined) return heartbeatClassic(this.consumers, consumers, request);
    const group = this.groups.get(request.groupId);
    return group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : heartbeat(group, request);
  }

  leave(groupId: string, members: readonly LeavingMember[]): Answer<LeaveGroupResponse> {
    const group = this.groups.get(groupId);
    const response: LeaveGroupResponse = { throttleTimeMs: 0, errorCode: 0, members: [] };
    const consumers = this.consumers.get(groupId);
    if (consumers !== undefined) {
      const outcome = leaveClassic(this.consumers, consumers, members);
      if (!(outcome instanceof GroupRefusal)) return outcome;
      return answered({ ...response, errorCode: outcome.errorCode });
    }
    if (group !== undefined) {
      return { ...leaveGroup(this.#context, group, members, response.members), response };
    }
    for (const { memberId, groupInstanceId } of members) {
      const errorCode = ErrorCode.UNKNOWN_MEMBER_ID;
      response.members.push({ memberId, groupInstanceId, errorCode });
    }
    return answered(response);
  }

  consumerHeartbeat(
    request: ConsumerHeartbeatRequest,
    from: RequestContext,
  ): Answer<ConsumerHeartbeatResponse> {
    const outcome = consumerHeartbeat(this.consumers, request, from);
    return outcome instanceof GroupRefusal ? answered(heartbeatRefusal(outcome)) : outcome;
  }

  streamsHeartbeat(request: StreamsHeartbeatRequest, from: RequestContext): Answer<StreamsAnswer> {
    const outcome = streamsHeartbeat(this.streams, request, from);
    if (!(outcome instanceof GroupRefusal)) return outcome;
    return answered(streamsError(outcome.errorCode, outcome.errorMessage));
  }

  topicsChanged(changes: TopicChanges): void {
    this.consumers.topicsChanged(changes);
    this.shares.topicsChanged(changes);
    this.streams.topicsChanged(changes);
  }

  // ---- Offsets -----------------------------------------------------------------------------

  /** Answers an error code where nothing may be committed, or what became of each partition. */
  commit(
    request: OffsetCommitRequest,
    apiVersion: number,
    prepared: offsets.PreparedCommit | null = null,
  ): Answer<offsets.CommittedTopic[] | ErrorCode> {
    const group = this.groups.get(request.groupId) ?? null;
    const memberEpoch = request.generationIdOrMemberEpoch;
    const check = { ...request, memberEpoch, isTransactional: false, apiVersion };
    const error =
      this.#checkEpochCommit(request.groupId, check) ??
      offsets.checkCommit(group, request, apiVersion);
    if (error !== ErrorCode.NONE) return answered<offsets.CommittedTopic[] | ErrorCode>(error);
    if (group?.state === "Stable" || group?.state === "PreparingRebalance") {
      group.members.get(request.memberId)?.resetSession();
    }
    const { clock, config } = this.#context;
    const sizeMax = config.offsetMetadataMaxBytes;
    const { records, topics } = prepared ?? offsets.newCommit(request, clock.wallMs(), sizeMax);
    this.#context.stats.offsetCommits += records.length;
    return { records, response: topics };
  }

  /** As `commit`; the records belong to the producer's transaction. */
  commitInTransaction(
    request: TxnOffsetCommitRequest,
  ): Answer<offsets.TransactionalTopic[] | ErrorCode> {
    const { groupId } = request;
    const memberEpoch = request.generationId;
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      topicId: this.#context.topics.idOf(name),
      partitions,
    }));
    const check = { ...request, memberEpoch, isTransactional: true, apiVersion: 0, topics };
    const error =
      this.#checkEpochCommit(groupId, check) ??
      offsets.checkTransactionalCommit(this.groups.get(groupId) ?? null, request);
    if (error !== ErrorCode.NONE) return answered<offsets.TransactionalTopic[] | ErrorCode>(error);
    const { clock, config } = this.#context;
    const retentionTimeMs = offsets.DEFAULT_RETENTION_MS;
    const { records, topics: results } = offsets.newCommit(
      { groupId, retentionTimeMs, topics: offsets.asPlainTopics(request) },
      clock.wallMs(),
      config.offsetMetadataMaxBytes,
    );
    this.#context.stats.offsetCommits += records.length;
    const response = results.map(({ name = "", partitions }) => ({
      name,
      partitions: [...partitions],
    }));
    return { records, response };
  }

  /** An error code where the member may not fetch. */
  fetch(request: offsets.FetchGroup, requireStable: boolean): offsets.FetchedTopic[] | ErrorCode {
    const { groupId, memberId, memberEpoch } = request;
    const consumers = this.consumers.get(groupId);
    const streams = this.streams.get(groupId);
    let error: ErrorCode = ErrorCode.NONE;
    if (consumers !== undefined) error = checkConsumerFetch(consumers, memberId, memberEpoch);
    if (streams !== undefined) error = checkStreamsFetch(streams, memberId, memberEpoch);
    if (error !== ErrorCode.NONE) return error;
    return offsets.fetchOffsets(this.store, request, requireStable);
  }

  deleteOffsets(request: OffsetDeleteRequest): Answer<OffsetDeleteResponse> {
    const group = this.groups.get(request.groupId) ?? null;
    const ofEpochs = this.#epochGroup(request.groupId);
    if (ofEpochs !== undefined) return offsets.deleteOffsets(this.store, ofEpochs, request);
    const error = this.#checkOffsetDelete(request.groupId, group);
    if (error === ErrorCode.NONE) return offsets.deleteOffsets(this.store, group, request);
    return answered({ errorCode: error, throttleTimeMs: 0, topics: [] });
  }

  /** Of the topic as it was: one that has the name now may have offsets already. */
  topicsDeleted(topics: readonly DeletedTopic[]): Effects<GroupRecord> {
    const records = offsets.tombstonesOfTopics(this.store, topics);
    const ids = new Set(topics.map(({ id }) => id));
    return { records: [...records, ...withoutDeletedTopics(this.shares, ids)], isAtomic: false };
  }

  // ---- Whole groups ------------------------------------------------------------------------

  deleteGroup(groupId: string): Answer<DeletedGroup> {
    const errorCode = this.#checkDelete(groupId);
    if (errorCode !== ErrorCode.NONE) return answered({ groupId, errorCode });
    const records: GroupRecord[] = offsets.tombstonesOf(this.store, groupId);
    if (this.groups.has(groupId)) {
      records.push({ type: "groupMetadata", group: groupId, value: null });
    }
    records.push(...this.#tombstonesOf(groupId));
    return { records, isAtomic: false, response: { groupId, errorCode } };
  }

  /** Forgets what has expired, and groups that have nothing left. */
  expire(): Effects<GroupRecord> {
    const { clock, config, logger } = this.#context;
    const retentionMs = config.offsetsRetentionMinutes * MS_PER_MINUTE;
    const nowMs = clock.wallMs();
    const records: GroupRecord[] = [];
    for (const group of this.groups.values()) {
      const isBare = expireOffsets(this.store, group, nowMs, retentionMs, records);
      // Who has been given a member id is about to join.
      if (!isBare || group.state !== "Empty" || group.pendingJoin.size > 0) continue;
      records.push({ type: "groupMetadata", group: group.groupId, value: null });
    }
    for (const group of [...this.consumers.byId.values(), ...this.streams.byId.values()]) {
      const isBare = expireOffsets(this.store, group, nowMs, retentionMs, records);
      if (isBare && group.isEmpty) records.push(...this.#tombstonesOf(group.groupId));
    }
    const expired = records.filter(({ type }) => type === "offsetCommit");
    this.#context.stats.offsetExpirations += expired.length;
    if (records.length > 0) logger.info(`${records.length} tombstones for expired offsets, groups`);
    return { records, isAtomic: false };
  }

  #scheduleExpiry(): void {
    const deadline = this.#context.deadline(() => {
      deadline.set(this.#context.config.offsetsRetentionCheckIntervalMs);
      return this.expire();
    });
    deadline.set(this.#context.config.offsetsRetentionCheckIntervalMs);
  }

  #checkOffsetDelete(groupId: string, group: ClassicGroup | null): ErrorCode {
    if (group === null || this.shares.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const isFree = group.state === "Empty" || group.usesConsumerProtocol;
    return isFree ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  #checkDelete(groupId: string): ErrorCode {
    const ofEpochs = this.#epochGroup(groupId) ?? this.shares.get(groupId);
    if (ofEpochs !== undefined) {
      return ofEpochs.isEmpty ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
    }
    const group = this.groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    return group.state === "Empty" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  #isOfOther(groupId: string): boolean {
    return this.shares.has(groupId) || this.#epochGroup(groupId) !== undefined;
  }

  /** Of those with epochs, the groups that commit offsets. */
  #epochGroup(groupId: string): ConsumerGroup | StreamsGroup | undefined {
    return this.consumers.get(groupId) ?? this.streams.get(groupId);
  }

  /** Null where the rules of classic groups hold. */
  #checkEpochCommit(groupId: string, check: CommitCheck): ErrorCode | null {
    if (this.shares.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const consumers = this.consumers.get(groupId);
    if (consumers !== undefined) return checkConsumerCommit(consumers, check);
    const streams = this.streams.get(groupId);
    return streams === undefined ? null : checkStreamsCommit(streams, check);
  }

  /** For a group with epochs that nobody is in. */
  #tombstonesOf(groupId: string): GroupRecord[] {
    const consumers = this.consumers.get(groupId);
    const shares = this.shares.get(groupId);
    const streams = this.streams.get(groupId);
    return [
      ...(consumers === undefined ? [] : groupTombstones(consumers)),
      ...(shares === undefined ? [] : shareGroupTombstones(shares)),
      ...(streams === undefined ? [] : streamsGroupTombstones(streams)),
    ];
  }

  #ensureGroup(groupId: string): ClassicGroup {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = newGroup(this.#context, groupId);
      this.groups.set(groupId, group);
    }
    return group;
  }

  /** Also of a simple group, which only stood in until the group's own records came. */
  #removeGroup(groupId: string): void {
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    for (const member of group.members.values()) {
      group.answerJoin(member, joinError(ErrorCode.UNKNOWN_MEMBER_ID, ""));
    }
    answerSyncs(group, ErrorCode.UNKNOWN_MEMBER_ID);
    group.die();
    this.groups.delete(groupId);
  }

  #applyGroup(group: ClassicGroup, value: GroupMetadataValue): void {
    const members = value.members.map((recorded) => this.#memberOf(group, value, recorded));
    group.becomeAsRecorded(recordedGroupOf(value), members);
  }

  /** The member that the group has, as far as it is the same; else a new one. */
  #memberOf(
    group: ClassicGroup,
    value: GroupMetadataValue,
    recorded: GroupMemberValue,
  ): ClassicMember {
    const known = group.members.get(recorded.memberId);
    const isSame =
      known !== undefined &&
      known.groupInstanceId === recorded.groupInstanceId &&
      known.metadataOf(value.protocol)?.equals(recorded.subscription) === true;
    const member = isSame ? known : this.#memberFrom(group, value.protocol ?? "", recorded);
    member.clientId = recorded.clientId;
    member.clientHost = recorded.clientHost;
    member.sessionTimeoutMs = recorded.sessionTimeout;
    member.rebalanceTimeoutMs = rebalanceTimeoutOf(recorded);
    member.assignment = recorded.assignment;
    return member;
  }

  #memberFrom(group: ClassicGroup, protocol: string, recorded: GroupMemberValue): ClassicMember {
    const { memberId, groupInstanceId, clientId, clientHost } = recorded;
    const description = {
      memberId,
      groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutOf(recorded),
      sessionTimeoutMs: recorded.sessionTimeout,
      protocols: [{ name: protocol, metadata: recorded.subscription }],
    };
    return new ClassicMember(description, sessionDeadline(this.#context, group, memberId));
  }
}

function heartbeatRefusal({ errorCode, errorMessage }: GroupRefusal): ConsumerHeartbeatResponse {
  return { throttleTimeMs: 0, errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 };
}

/** Version 0 of the record has no such field. */
function rebalanceTimeoutOf(member: GroupMemberValue): number {
  return member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout;
}
