/**
 * How long a group that is at rest takes to take in one member more: from its first request until
 * all have their new assignments. Members ask for news every 50 ms, where clients ask every 3 s.
 */
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { randomUuid } from "../../../src/base/uuid.ts";
import { realRandom } from "../../../src/base/real-random.ts";
import { createTopic } from "../../kit/raw-client.ts";
import { RawConnection } from "../../kit/raw-connection.ts";
import { retried } from "../../kit/retried.ts";

const HEARTBEAT_EVERY_MS = 50;
const SESSION_TIMEOUT_MS = 30_000;
const REBALANCE_TIMEOUT_MS = 60_000;

let groupCount = 0;

export async function classicRebalance(port: number, memberCount: number) {
  const groupId = `classic-${groupCount++}`;
  const gate = { isOpen: true };
  const members = await Promise.all(
    Array.from({ length: memberCount }, () => ClassicMember.open(port, groupId)),
  );
  const works = members.map((member) => member.live(gate));
  await until(() => areInOneGeneration(members, memberCount));
  const startedMs = performance.now();
  const last = await ClassicMember.open(port, groupId);
  members.push(last);
  works.push(last.live(gate));
  await until(() => areInOneGeneration(members, memberCount + 1));
  const rebalanceMs = performance.now() - startedMs;
  gate.isOpen = false;
  await Promise.all(works);
  for (const member of members) member.close();
  return { milliseconds: rebalanceMs };
}

export async function consumerRebalance(port: number, memberCount: number) {
  const groupId = `consumer-${groupCount++}`;
  const topic = `of-${groupId}`;
  const partitionCount = 2 * memberCount + 2;
  await createTopic(port, topic, partitionCount);
  const gate = { isOpen: true };
  const open = () => ConsumerMember.open(port, groupId, topic);
  const members = await Promise.all(Array.from({ length: memberCount }, open));
  const works = members.map((member) => member.live(gate));
  await until(() => isShared(members, partitionCount));
  const startedMs = performance.now();
  const last = await open();
  members.push(last);
  works.push(last.live(gate));
  await until(() => isShared(members, partitionCount));
  const rebalanceMs = performance.now() - startedMs;
  gate.isOpen = false;
  await Promise.all(works);
  for (const member of members) member.close();
  return { milliseconds: rebalanceMs };
}

interface Gate {
  readonly isOpen: boolean;
}

function areInOneGeneration(members: readonly ClassicMember[], size: number): boolean {
  const [first] = members;
  return members.every(
    ({ generationId, groupSize }) =>
      generationId > 0 && generationId === first!.generationId && groupSize === size,
  );
}

/** Each partition has one owner, and nobody has many more than another. */
function isShared(members: readonly ConsumerMember[], partitionCount: number): boolean {
  const owned = members.map(({ partitions }) => partitions.length);
  const sum = owned.reduce((total, count) => total + count, 0);
  return sum === partitionCount && Math.max(...owned) - Math.min(...owned) <= 1;
}

class ClassicMember {
  generationId = -1;
  groupSize = 0;
  #memberId = "";

  private constructor(
    private readonly connection: RawConnection,
    private readonly groupId: string,
  ) {}

  static async open(port: number, groupId: string): Promise<ClassicMember> {
    return new ClassicMember(await connectTo(port, groupId), groupId);
  }

  async live(gate: Gate): Promise<void> {
    await this.#join();
    while (gate.isOpen) {
      await Bun.sleep(HEARTBEAT_EVERY_MS);
      const { groupId, generationId } = this;
      const request = { groupId, generationId, memberId: this.#memberId };
      const { errorCode } = await this.connection.ask(heartbeat, 3, request);
      if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) await this.#join();
      else expectNone(errorCode);
    }
  }

  close(): void {
    this.connection.close();
  }

  async #join(): Promise<void> {
    const { groupId } = this;
    for (;;) {
      const joined = await this.connection.ask(joinGroup, 5, {
        groupId,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        memberId: this.#memberId,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: Buffer.alloc(64) }],
      });
      this.#memberId = joined.memberId;
      if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) continue;
      expectNone(joined.errorCode);
      const isLeader = joined.leader === this.#memberId;
      const synced = await this.connection.ask(syncGroup, 3, {
        groupId,
        generationId: joined.generationId,
        memberId: this.#memberId,
        assignments: !isLeader
          ? []
          : joined.members.map(({ memberId }) => ({
              memberId,
              // The size of the group, so that each knows when the group is whole.
              assignment: Buffer.from(String(joined.members.length).padEnd(64)),
            })),
      });
      if (synced.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) continue;
      expectNone(synced.errorCode);
      this.groupSize = Number(synced.assignment.toString());
      this.generationId = joined.generationId;
      return;
    }
  }
}

class ConsumerMember {
  partitions: readonly number[] = [];
  #topicId = "";
  #memberEpoch = 0;
  readonly #memberId = randomUuid(realRandom());

  private constructor(
    private readonly connection: RawConnection,
    private readonly groupId: string,
    private readonly topic: string,
  ) {}

  static async open(port: number, groupId: string, topic: string): Promise<ConsumerMember> {
    const connection = await connectTo(port, groupId);
    const member = new ConsumerMember(connection, groupId, topic);
    const request = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const answer = await connection.ask(metadata, 12, request);
    member.#topicId = answer.topics[0]!.topicId;
    return member;
  }

  async live(gate: Gate): Promise<void> {
    await this.#heartbeat({
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      subscribedTopicNames: [this.topic],
      topicPartitions: [],
    });
    while (gate.isOpen) {
      await Bun.sleep(HEARTBEAT_EVERY_MS);
      await this.#heartbeat({});
    }
  }

  close(): void {
    this.connection.close();
  }

  async #heartbeat(news: {
    readonly rebalanceTimeoutMs?: number;
    readonly subscribedTopicNames?: string[];
    readonly topicPartitions?: { topicId: string; partitions: number[] }[];
  }): Promise<void> {
    const answer = await this.connection.ask(consumerGroupHeartbeat, 1, {
      groupId: this.groupId,
      memberId: this.#memberId,
      memberEpoch: this.#memberEpoch,
      ...news,
    });
    expectNone(answer.errorCode);
    this.#memberEpoch = answer.memberEpoch;
    if (answer.assignment === null) return;
    this.partitions = answer.assignment.topicPartitions[0]?.partitions ?? [];
    // What was taken away is given up at once, and said so.
    const partitions = [...this.partitions];
    const owned = partitions.length === 0 ? [] : [{ topicId: this.#topicId, partitions }];
    await this.#heartbeat({ topicPartitions: owned });
  }
}

async function connectTo(port: number, groupId: string): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await retried(async () => {
    const request = { key: groupId, keyType: 0 };
    return (await connection.ask(findCoordinator, 2, request)).errorCode;
  });
  // It leads its partition a moment later.
  await retried(async () => {
    const answer = await connection.ask(describeGroups, 0, { groups: [groupId] });
    return answer.groups[0]!.errorCode;
  });
  return connection;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1);
}

function expectNone(errorCode: number): void {
  if (errorCode !== ErrorCode.NONE) throw new Error(errorName(errorCode as ErrorCode));
}
