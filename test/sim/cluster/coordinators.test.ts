/** Groups, transactions and states of share groups outlive the broker that coordinates them. */
import { describe, expect, test } from "bun:test";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { shareGroupHeartbeat } from "../../../src/protocol/messages/76-share-group-heartbeat.ts";
import { describeShareGroupOffsets } from "../../../src/protocol/messages/90-describe-share-group-offsets.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { append } from "../../api/scenarios/prepare.ts";
import { ACCEPT, earliestGroup, Member, of } from "../../api/scenarios/share-member.ts";
import { Unanswered } from "../../consistency/wire.ts";
import { FAKE_WALL_MS } from "../fake-clock.ts";
import { ScriptedCluster } from "./scripted.ts";

const GROUP_TYPE = 0;
const TRANSACTION_TYPE = 1;
const GROUP = "g";
const SHARE_TYPE = 2;
const SHARERS = "sharers";
const TOPIC = "t";
const MEMBER = "AAAAAAAAAAAAAAAAAAAAIQ";
const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.num.partitions": "1",
  "share.coordinator.state.topic.num.partitions": "1",
  "share.coordinator.state.topic.replication.factor": "3",
  "share.coordinator.state.topic.min.isr": "2",
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.heartbeat.interval.ms": "500",
  "group.consumer.min.heartbeat.interval.ms": "100",
};

class Arena extends ScriptedCluster {
  coordinator: number;

  constructor() {
    super(SETTINGS);
    this.makeTopic(TOPIC, 2);
    this.coordinator = this.coordinatorOf(GROUP_TYPE, GROUP);
  }

  /** The next one. */
  moved(): number {
    this.coordinator = this.coordinatorOf(GROUP_TYPE, GROUP, this.coordinator);
    return this.coordinator;
  }

  leaderOf(topic: string): number {
    return this.again(() => {
      const answer = this.ask(this.anyone(), metadata, 12, { topics: [{ name: topic }] });
      const led = answer.topics[0]!.partitions.find(({ partitionIndex }) => partitionIndex === 0);
      return led === undefined || led.leaderId < 0 ? null : led.leaderId;
    });
  }

  /** Whether all replicas of it are in sync. */
  isWhole(topic: string): boolean {
    const { image } = this.node(this.anyone()).running!.broker;
    const { partitions } = image.topics.byName(topic)!;
    return partitions.every(({ isr, replicas }) => isr.length === replicas.length);
  }

  /** What it says; asks again while it is loading. */
  settled(attempt: () => number): string {
    const error = this.again(() => {
      const code = attempt();
      return isLoading(code) ? null : { code };
    });
    return errorName(error.code as ErrorCode);
  }

  commit(committedOffset: number, memberId = "", generationIdOrMemberEpoch = -1): number {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
    const topics = [{ name: TOPIC, partitions }];
    const member = { memberId, generationIdOrMemberEpoch };
    const request = { groupId: GROUP, ...member, topics };
    const answer = this.ask(this.coordinator, offsetCommit, 9, request);
    return answer.topics[0]!.partitions[0]!.errorCode;
  }

  /** -1: nothing; or the error. */
  committed(id = this.coordinator): number | string {
    return this.again(() => {
      const topics = [{ name: TOPIC, partitionIndexes: [0] }];
      const groups = [{ groupId: GROUP, topics }];
      const answer = this.ask(id, offsetFetch, 9, { groups, requireStable: true });
      const { errorCode } = answer.groups[0]!;
      if (isLoading(errorCode)) return null;
      if (errorCode !== ErrorCode.NONE) return errorName(errorCode as ErrorCode);
      return answer.groups[0]!.topics[0]!.partitions[0]!.committedOffset;
    });
  }

  /** A member of a classic group, alone; gives its id. */
  join(): { memberId: string; generationId: number } {
    return this.again(() => {
      const protocols = [{ name: "range", metadata: Buffer.from("m") }];
      const request = {
        groupId: GROUP,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        protocolType: "consumer",
        protocols,
      };
      const first = this.ask(this.coordinator, joinGroup, 5, { ...request, memberId: "" });
      const { memberId } = first;
      if (memberId === "") return null;
      const joined = this.ask(this.coordinator, joinGroup, 5, { ...request, memberId });
      const { generationId, errorCode } = joined;
      if (errorCode !== ErrorCode.NONE) return null;
      const assignments = [{ memberId, assignment: Buffer.from("a") }];
      const sync = { groupId: GROUP, memberId, generationId, assignments };
      const synced = this.ask(this.coordinator, syncGroup, 3, sync);
      return synced.errorCode === ErrorCode.NONE ? { memberId, generationId } : null;
    });
  }

  beat(memberId: string, generationId: number, id = this.coordinator): number {
    const request = { groupId: GROUP, memberId, generationId };
    return this.ask(id, heartbeat, 3, request).errorCode;
  }

  /** Of the consumer protocol. */
  beatConsumer(memberEpoch: number) {
    const joining = { subscribedTopicNames: [TOPIC], rebalanceTimeoutMs: 30_000 };
    return this.ask(this.coordinator, consumerGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: MEMBER,
      memberEpoch,
      ...(memberEpoch === 0 && { ...joining, topicPartitions: [] }),
    });
  }
}

function isLoading(code: number): boolean {
  return (
    code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS || code === ErrorCode.COORDINATOR_NOT_AVAILABLE
  );
}

describe("a consumer group", () => {
  test("of the classic protocol goes on with the same member and generation", () => {
    const arena = new Arena();
    const { memberId, generationId } = arena.join();
    expect(arena.settled(() => arena.commit(5, memberId, generationId))).toBe("NONE");
    arena.node(arena.coordinator).powerLoss("none");
    arena.moved();
    expect(arena.committed()).toBe(5);
    expect(arena.settled(() => arena.beat(memberId, generationId))).toBe("NONE");
    expect(arena.settled(() => arena.commit(6, memberId, generationId))).toBe("NONE");
    expect(arena.committed()).toBe(6);
    expect(arena.settled(() => arena.commit(7, memberId, generationId - 1))).toBe(
      "ILLEGAL_GENERATION",
    );
  });

  test("of the consumer protocol goes on with the same member and epoch", () => {
    const arena = new Arena();
    let epoch = arena.again(() => {
      const answer = arena.beatConsumer(0);
      return answer.errorCode === ErrorCode.NONE ? answer.memberEpoch : null;
    });
    arena.sleep(600);
    epoch = arena.beatConsumer(epoch).memberEpoch;
    expect(arena.settled(() => arena.commit(5, MEMBER, epoch))).toBe("NONE");
    arena.node(arena.coordinator).kill();
    arena.moved();
    expect(arena.settled(() => arena.beatConsumer(epoch).errorCode)).toBe("NONE");
    expect(arena.committed()).toBe(5);
    expect(arena.settled(() => arena.commit(6, MEMBER, epoch))).toBe("NONE");
    expect(arena.settled(() => arena.commit(7, MEMBER, epoch + 1))).toBe("STALE_MEMBER_EPOCH");
  });

  test("is told to wait while too few replicas are in sync, and goes on then", () => {
    const arena = new Arena();
    expect(arena.settled(() => arena.commit(5))).toBe("NONE");
    const others = arena.nodes.filter(({ id }) => id !== arena.coordinator);
    for (const node of others) node.freeze();
    const answers = new Set<string>();
    for (let tries = 0; tries < 4; tries++) {
      try {
        answers.add(errorName(arena.commit(50 + tries) as ErrorCode));
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        answers.add("unanswered");
      }
    }
    expect(answers).not.toContain("NONE");
    for (const node of others) node.thaw();
    arena.coordinator = arena.coordinatorOf(GROUP_TYPE, GROUP);
    expect(arena.settled(() => arena.commit(6))).toBe("NONE");
    expect(arena.committed()).toBe(6);
  });

  test("forgets what a coordinator wrote that was cut off, wherever it goes", () => {
    const arena = new Arena();
    const { cluster } = arena;
    expect(arena.settled(() => arena.commit(5))).toBe("NONE");
    const old = arena.coordinator;
    const others = arena.nodes.filter(({ id }) => id !== old);
    for (const { address } of others) cluster.wire.cut(arena.node(old).address, address);
    // It still takes itself for the coordinator: what it writes is never committed.
    let lost = "";
    try {
      lost = errorName(arena.commit(99) as ErrorCode);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      lost = "unanswered";
    }
    expect(lost).not.toBe("NONE");
    arena.coordinator = arena.again(() => {
      const id = arena.coordinatorOf(GROUP_TYPE, GROUP, old, others[0]!.id);
      return id === old ? null : id;
    });
    expect(arena.committed()).toBe(5);
    expect(arena.settled(() => arena.commit(6))).toBe("NONE");
    for (const { address } of others) cluster.wire.heal(arena.node(old).address, address);
    expect(arena.again(() => (arena.committed(old) === "NOT_COORDINATOR" ? true : null))).toBe(
      true,
    );
    // It has what the others have, and nothing else, before it may coordinate again.
    const endOf = (id: number): number => {
      const { partitions } = arena.node(id).running!.broker;
      return partitions.find("__consumer_offsets", 0)!.log.logEndOffset;
    };
    const current = arena.coordinator;
    arena.until(() => endOf(old) === endOf(current));
    arena.node(current).stop();
    arena.moved();
    expect(arena.committed()).toBe(6);
  });
});

describe("a transaction", () => {
  test("that is decided is brought to its end by the next coordinator", () => {
    const arena = new Arena();
    const old = arena.coordinatorOf(TRANSACTION_TYPE, "tx");
    const other = arena.nodes.find(({ id }) => id !== old)!.id;
    const leader = arena.again(() => {
      const answer = arena.ask(other, metadata, 12, { topics: [{ name: TOPIC }] });
      const led = answer.topics[0]!.partitions.find(({ leaderId }) => leaderId !== old);
      return led === undefined ? null : led;
    });
    const init = { transactionalId: "tx", transactionTimeoutMs: 60_000 };
    const producer = arena.again(() => {
      const answer = arena.ask(old, initProducerId, 5, init);
      return answer.errorCode === ErrorCode.NONE ? answer : null;
    });
    const { producerId, producerEpoch } = producer;
    const records = buildBatch({
      records: [{ timestamp: FAKE_WALL_MS, key: null, value: Buffer.from("v") }],
      isTransactional: true,
      producerId,
      producerEpoch,
      baseSequence: 0,
    });
    const { leaderId, partitionIndex: index } = leader;
    const produced = arena.settled(() => {
      const topicData = [{ name: TOPIC, partitionData: [{ index, records }] }];
      const request = { transactionalId: "tx", acks: -1, timeoutMs: 3000, topicData };
      const answer = arena.ask(leaderId, produce, 12, request);
      return answer.responses[0]!.partitionResponses[0]!.errorCode;
    });
    expect(produced).toBe("NONE");
    // The marker does not arrive, and its sender dies. What it decided is committed: the replica
    // that it does not reach is not in sync by then.
    arena.cluster.wire.cut(arena.node(old).address, arena.node(leaderId).address);
    const end = { transactionalId: "tx", producerId, producerEpoch, committed: true };
    arena.asking(old, endTxn, 5, end).catch(() => {});
    arena.sleep(60_000);
    const { log } = arena.node(leaderId).running!.broker.partitions.find(TOPIC, index)!;
    expect(log.lastStableOffset).toBe(0);
    arena.node(old).powerLoss("none");
    arena.cluster.wire.heal(arena.node(old).address, arena.node(leaderId).address);
    arena.until(() => log.lastStableOffset === 2, 60_000);
    expect(log.logEndOffset).toBe(2);
    // Who asks again is told what was decided.
    const next = arena.coordinatorOf(TRANSACTION_TYPE, "tx", old);
    const told = arena.again(() => {
      const { errorCode } = arena.ask(next, endTxn, 5, end);
      const isOnItsWay = errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || isLoading(errorCode);
      return isOnItsWay ? null : { errorCode };
    });
    expect(errorName(told.errorCode as ErrorCode)).toBe("NONE");
  });
});

describe("a share group", () => {
  test("goes on where it was, whichever of its brokers dies", () => {
    const arena = new Arena();
    const { topicId, leaderId: leader } = arena.again(() => {
      const answer = arena.ask(arena.anyone(), metadata, 12, { topics: [{ name: TOPIC }] });
      const { topicId: id, partitions } = answer.topics[0]!;
      const led = partitions.find(({ partitionIndex }) => partitionIndex === 0);
      return led === undefined || led.leaderId < 0 ? null : { topicId: id, ...led };
    });
    arena.wait(earliestGroup(arena.asker(leader), SHARERS));
    arena.wait(append(arena.asker(leader), TOPIC, 0, { timestamps: [1, 2, 3, 4] }));
    joinSharers(arena);
    const first = new Member(arena.asker(leader), SHARERS, MEMBER);
    expect(rangesOf(arena, first, topicId)).toEqual([[0, 3, 1]]);
    const told = arena.wait(first.acknowledge("two", of(topicId, 0, [0, 1, ACCEPT])))!;
    expect(told.responses[0]!.partitions[0]!.errorCode).toBe(0);
    // Whoever keeps the states dies, and then whoever leads the partition.
    const key = `${SHARERS}:${topicId}:0`;
    const keeper = arena.coordinatorOf(SHARE_TYPE, key);
    arena.node(keeper).powerLoss("none");
    arena.coordinatorOf(SHARE_TYPE, key, keeper);
    arena.node(keeper).start();
    arena.until(() => arena.node(keeper).isUp);
    arena.until(() => arena.isWhole("__share_group_state"), 300_000);
    const now = arena.leaderOf(TOPIC);
    arena.node(now).powerLoss("none");
    const next = arena.again(() => {
      const id = arena.leaderOf(TOPIC);
      return id === now ? null : id;
    });
    const second = new Member(arena.asker(next), SHARERS, MEMBER);
    expect(rangesOf(arena, second, topicId)).toEqual([[2, 3, 1]]);
  });
});

/** Until the group has told the coordinator of states what it reads. */
function joinSharers(arena: Arena): void {
  const coordinator = arena.coordinatorOf(GROUP_TYPE, SHARERS);
  let memberEpoch = 0;
  arena.again(() => {
    const joining = memberEpoch === 0 ? { subscribedTopicNames: [TOPIC] } : {};
    const request = { groupId: SHARERS, memberId: MEMBER, memberEpoch, ...joining };
    const answer = arena.ask(coordinator, shareGroupHeartbeat, 1, request);
    if (answer.errorCode !== ErrorCode.NONE) return null;
    memberEpoch = answer.memberEpoch;
    const groups = [{ groupId: SHARERS, topics: null }];
    const described = arena.ask(coordinator, describeShareGroupOffsets, 1, { groups });
    return described.groups[0]!.topics.length > 0 ? true : null;
  });
}

/** What a member gets, once its partition can give anything. */
function rangesOf(arena: Arena, member: Member, topicId: string): number[][] {
  return arena.again(() => {
    member.epoch = 0;
    const answer = arena.wait(member.fetchQuietly(of(topicId)));
    const partitions = answer.responses.flatMap((topic) => topic.partitions);
    const ranges = partitions.flatMap(({ acquiredRecords }) => acquiredRecords);
    if (ranges.length === 0) return null;
    return ranges.map((range) => [range.firstOffset, range.lastOffset, range.deliveryCount]);
  });
}
