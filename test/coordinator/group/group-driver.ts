/**
 * A group coordinator on a fake log and a fake clock, with clients that say what the test wants:
 * every field of a request that a test does not care for has a value.
 */
import {
  GROUP_CONFIG_DEFAULTS,
  type GroupConfig,
} from "../../../src/coordinator/group/group-config.ts";
import { GroupCoordinator } from "../../../src/coordinator/group/group-coordinator.ts";
import type * as messages from "../../../src/coordinator/group/group-messages.ts";
import type { TransactionEnd } from "../../../src/coordinator/shard.ts";
import type { TransactionalWrite } from "../../../src/coordinator/transaction/participants.ts";
import type { TopicDirectory } from "../../../src/coordinator/group/topic-directory.ts";
import { createLogger, silentLogger, type Logger } from "../../../src/base/logger.ts";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { MemoryShareState } from "../share/memory-share-state.ts";

export interface DriverOptions {
  readonly config?: Partial<GroupConfig>;
  readonly log?: FakeCoordinatorLog;
  readonly clock?: FakeClock;
  readonly seed?: number;
  readonly topics?: TopicDirectory;
  readonly lines?: string[];
  readonly shareState?: MemoryShareState;
  readonly partitionCount?: number;
}

/** Every topic `tN` exists, with 100 partitions, under an id that can be told from its name. */
export const ANY_TOPIC: TopicDirectory = {
  nameOf: (id) => (id.startsWith("id-") ? id.slice(3).replace(/-*A$/, "") : null),
  idOf: (name) => (name.startsWith("t") ? topicIdOf(name) : null),
  hasPartition: (name, partition) => name.startsWith("t") && partition < 100,
  partitionCountOf: (name) => (name.startsWith("t") ? 100 : null),
  racksOf: () => [],
  names: () => [],
  version: () => 1,
};

export function topicIdOf(name: string): string {
  return `id-${name}`.padEnd(21, "-") + "A";
}

export class GroupDriver {
  readonly clock: FakeClock;
  readonly random: FakeRandom;
  readonly log: FakeCoordinatorLog;
  readonly coordinator: GroupCoordinator;
  readonly config: GroupConfig;
  readonly shareState: MemoryShareState;
  /** Where every partition ends. */
  latestOffset = 100;
  /** What was asked of the transaction coordinator, and what it says: one error for all. */
  readonly verified: string[] = [];
  verifyError: ErrorCode = ErrorCode.NONE;

  constructor(options: DriverOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.random = new FakeRandom(options.seed ?? 1);
    this.log = options.log ?? new FakeCoordinatorLog();
    this.shareState = options.shareState ?? new MemoryShareState();
    this.config = { ...GROUP_CONFIG_DEFAULTS, ...options.config };
    this.coordinator = new GroupCoordinator({
      clock: this.clock,
      random: this.random,
      logger: loggerTo(options.lines, this.clock),
      config: this.config,
      topics: options.topics ?? ANY_TOPIC,
      verifier: { verify: (write, operation) => this.#verify(write, operation) },
      shareState: () => this.shareState,
      latestOffset: async () => ({ errorCode: ErrorCode.NONE, offset: this.latestOffset }),
      partitionCount: () => options.partitionCount ?? 1,
    });
  }

  /** The one partition that there is has its leader here. */
  start(): this {
    this.coordinator.runtime.elected(0, 1, this.log);
    this.clock.settle();
    return this;
  }

  /** A broker that begins with this one's log. */
  restarted(options: DriverOptions = {}): GroupDriver {
    const log = this.log.reopened();
    return new GroupDriver({
      config: this.config,
      shareState: this.shareState,
      clock: this.clock.fork(),
      ...options,
      log,
    }).start();
  }

  /** The answer, which must come without time passing. */
  now<T>(promise: Promise<T>): T {
    return this.clock.await(promise, 0);
  }

  join(options: JoinOptions = {}): Call<messages.JoinGroupResponse> {
    const { apiVersion = 9, clientId = "client", clientHost = "/10.0.0.1", ...given } = options;
    const request: messages.JoinGroupRequest = {
      groupId: "g",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId: "",
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: subscription(["t1"]) }],
      reason: null,
      ...given,
    };
    const from = { apiVersion, clientId, clientHost };
    return new Call(this.clock, this.coordinator.joinGroup(request, from));
  }

  /** Joins as clients do: asks for an id, and comes back with it. */
  joinTwice(options: JoinOptions = {}): Call<messages.JoinGroupResponse> {
    const first = this.now(this.join(options).promise);
    return this.join({ ...options, memberId: first.memberId });
  }

  sync(options: Partial<messages.SyncGroupRequest> & Version): Call<messages.SyncGroupResponse> {
    const { apiVersion = 5, ...given } = options;
    const request: messages.SyncGroupRequest = {
      groupId: "g",
      generationId: 1,
      memberId: "",
      groupInstanceId: null,
      protocolType: "consumer",
      protocolName: "range",
      assignments: [],
      ...given,
    };
    return new Call(this.clock, this.coordinator.syncGroup(request, from(apiVersion)));
  }

  heartbeat(memberId: string, generationId = 1, given: Partial<messages.HeartbeatRequest> = {}) {
    const request = { groupId: "g", generationId, memberId, groupInstanceId: null, ...given };
    return this.now(this.coordinator.heartbeat(request)).errorCode;
  }

  leave(
    members: readonly Partial<messages.LeavingMember>[],
    { apiVersion = 5, groupId = "g" } = {},
  ): messages.LeaveGroupResponse {
    const whole = members.map((member) => ({
      memberId: "",
      groupInstanceId: null,
      reason: null,
      ...member,
    }));
    const memberId = apiVersion < 3 ? whole[0]!.memberId : "";
    const request = { groupId, memberId, members: apiVersion < 3 ? [] : whole };
    return this.now(this.coordinator.leaveGroup(request, from(apiVersion)));
  }

  commit(options: CommitOptions): Call<messages.OffsetCommitResponse> {
    return new Call(this.clock, this.commitInTurn(options));
  }

  /** Asked in the turn of the test, which goes on. */
  commitInTurn(options: CommitOptions): Promise<messages.OffsetCommitResponse> {
    const { apiVersion = 9, offsets, topicAllowed, ...given } = options;
    const byId = apiVersion >= 10;
    const topics = Object.entries(offsets).map(([name, partitions]) => ({
      name: byId ? "" : name,
      topicId: byId ? topicIdOf(name) : ZERO_UUID,
      partitions: Object.entries(partitions).map(([index, offset]) => ({
        partitionIndex: Number(index),
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata: "",
      })),
    }));
    const request: messages.OffsetCommitRequest = {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics,
      ...given,
    };
    const context = { ...from(apiVersion), ...(topicAllowed && { topicAllowed }) };
    return this.coordinator.commitOffsets(request, context);
  }

  /** The error codes of a commit in a transaction, by topic and partition. */
  commitInTransaction(options: TransactionalCommitOptions): Call<Record<string, number>> {
    const { apiVersion = 5, offsets, topicAllowed, ...given } = options;
    const topics = Object.entries(offsets).map(([name, partitions]) => ({
      name,
      partitions: Object.entries(partitions).map(([index, offset]) => ({
        partitionIndex: Number(index),
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata: "",
      })),
    }));
    const request: messages.TxnOffsetCommitRequest = {
      transactionalId: "x",
      groupId: "g",
      producerId: 7,
      producerEpoch: 0,
      generationId: -1,
      memberId: "",
      groupInstanceId: null,
      topics,
      ...given,
    };
    const context = { ...from(apiVersion), ...(topicAllowed && { topicAllowed }) };
    const answer = this.coordinator.commitOffsetsInTransaction(request, context);
    return new Call(
      this.clock,
      answer.then((response) => errorsOf(response.topics)),
    );
  }

  /** The error code of a marker; transactions of producer 7. */
  endTransaction(isCommit: boolean, given: Partial<TransactionEnd> = {}): ErrorCode {
    const marker = {
      isCommit,
      producerId: 7,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      transactionVersion: 0,
      ...given,
    };
    return this.now(this.coordinator.endTransaction(0, marker));
  }

  async #verify(
    { transactionalId, producerId, partitions }: TransactionalWrite,
    operation: string,
  ): Promise<ErrorCode[]> {
    const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`);
    this.verified.push(`${operation} ${transactionalId} ${producerId} ${names.join()}`);
    return names.map(() => this.verifyError);
  }

  /** The error codes of a commit, by topic and partition. */
  commitNow(options: CommitOptions): Record<string, number> {
    return errorsOf(this.now(this.commit(options).promise).topics);
  }

  fetch(
    groupId: string,
    topics: Record<string, number[]> | null = null,
    { apiVersion = 9, requireStable = false } = {},
  ): Call<messages.OffsetFetchResponse> {
    const named = topics === null ? null : Object.entries(topics);
    const groups = [
      {
        groupId,
        memberId: null,
        memberEpoch: -1,
        topics:
          named?.map(([name, partitionIndexes]) => ({
            name: apiVersion >= 10 ? "" : name,
            topicId: apiVersion >= 10 ? topicIdOf(name) : ZERO_UUID,
            partitionIndexes,
          })) ?? null,
      },
    ];
    const old = apiVersion < 8;
    const request: messages.OffsetFetchRequest = {
      groupId: old ? groupId : "",
      topics: old
        ? (named?.map(([name, partitionIndexes]) => ({ name, partitionIndexes })) ?? null)
        : [],
      groups: old ? [] : groups,
      requireStable,
    };
    return new Call(this.clock, this.coordinator.fetchOffsets(request, from(apiVersion)));
  }

  /** Committed offsets of a group, by topic and partition. */
  offsets(groupId = "g"): Record<string, number> {
    const { groups = [] } = this.now(this.fetch(groupId).promise);
    return Object.fromEntries(
      (groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset }) => [
          `${name}-${partitionIndex}`,
          committedOffset,
        ]),
      ),
    );
  }

  describe(groupId = "g", apiVersion = 6): messages.DescribedGroup {
    const request = { groups: [groupId], includeAuthorizedOperations: false };
    return this.now(this.coordinator.describeGroups(request, from(apiVersion))).groups[0]!;
  }

  list(statesFilter: string[] = [], typesFilter: string[] = []): string[] {
    const response = this.now(this.coordinator.listGroups({ statesFilter, typesFilter }));
    return response.groups.map(({ groupId }) => groupId).sort();
  }

  delete(...groupsNames: string[]): Record<string, number> {
    const { results } = this.now(this.coordinator.deleteGroups({ groupsNames }));
    return Object.fromEntries(results.map(({ groupId, errorCode }) => [groupId, errorCode]));
  }

  /** A stable group of so many dynamic members; the first is the leader. */
  stableGroup(count: number, options: JoinOptions = {}): string[] {
    const joins = Array.from({ length: count }, () => this.joinTwice(options));
    this.clock.advance(this.config.groupInitialRebalanceDelayMs * 2);
    const ids = joins.map((join) => join.value.memberId);
    const leader = joins[0]!.value.leader;
    const { groupId = "g" } = options;
    const generationId = joins[0]!.value.generationId ?? -1;
    const syncs = ids.map((memberId) =>
      this.sync({
        groupId,
        memberId,
        generationId,
        assignments: memberId === leader ? plan(ids) : [],
        protocolType: joins[0]!.value.protocolType ?? null,
        protocolName: joins[0]!.value.protocolName,
      }),
    );
    for (const sync of syncs) if (sync.value.errorCode !== 0) throw new Error("sync failed");
    return [leader, ...ids.filter((id) => id !== leader)];
  }
}

/** A request on its way. */
export class Call<T> {
  #outcome: { value: T } | null = null;

  constructor(
    readonly clock: FakeClock,
    readonly promise: Promise<T>,
  ) {
    promise.then((value) => (this.#outcome = { value }));
    clock.settle();
  }

  get isAnswered(): boolean {
    this.clock.settle();
    return this.#outcome !== null;
  }

  /** The answer, which must be there. */
  get value(): T {
    this.clock.settle();
    if (this.#outcome === null) throw new Error("the request is not answered yet");
    return this.#outcome.value;
  }
}

interface Version {
  readonly apiVersion?: number;
}

export type JoinOptions = Partial<messages.JoinGroupRequest> &
  Version & { readonly clientId?: string; readonly clientHost?: string };

export type CommitOptions = Partial<messages.OffsetCommitRequest> &
  Version & {
    /** Offsets by topic and partition. */
    readonly offsets: Record<string, Record<number, number>>;
    readonly topicAllowed?: (topicName: string) => boolean;
  };

export type TransactionalCommitOptions = Partial<Omit<messages.TxnOffsetCommitRequest, "topics">> &
  Version & {
    readonly offsets: Record<string, Record<number, number>>;
    readonly topicAllowed?: (topicName: string) => boolean;
  };

interface AnsweredTopic {
  readonly name?: string | undefined;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
}

function errorsOf(topics: readonly AnsweredTopic[]): Record<string, number> {
  return Object.fromEntries(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => [`${name}-${partitionIndex}`, errorCode]),
    ),
  );
}

export function from(apiVersion: number): messages.RequestContext {
  return { apiVersion, clientId: "client", clientHost: "/10.0.0.1" };
}

/** Consumer protocol, version 0: the topics, and no user data. */
export function subscription(topics: readonly string[]): Buffer {
  const parts = [Buffer.from([0, 0]), int32(topics.length)];
  for (const topic of topics) parts.push(Buffer.from([0, topic.length]), Buffer.from(topic));
  return Buffer.concat([...parts, int32(-1)]);
}

/** Something for each to do, that tells whose it is. */
export function plan(ids: readonly string[]): messages.SyncGroupRequest["assignments"] {
  return ids.map((memberId) => ({ memberId, assignment: Buffer.from(`for ${memberId}`) }));
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function loggerTo(lines: string[] | undefined, clock: FakeClock): Logger {
  if (lines === undefined) return silentLogger;
  return createLogger(clock, "info", (line) => void lines.push(line));
}
